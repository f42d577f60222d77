"""The addresses at which suppliers report."""

from django.urls import path

from otp.suppliers import esms, twilio

app_name = "otp"

urlpatterns = [
    path("twilio/trang-thai/", twilio.receipt, name="twilio-receipt"),
    path("esms/trang-thai/<int:message_id>/<str:token>/", esms.receipt, name="esms-receipt"),
]
