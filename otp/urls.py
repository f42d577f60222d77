"""The addresses at which suppliers report."""

from django.urls import path

from otp.suppliers import described, esms, twilio, voice
from otp.suppliers.zns import events

app_name = "otp"

urlpatterns = [
    path("twilio/trang-thai/", twilio.receipt, name="twilio-receipt"),
    path("voice/trang-thai/", voice.receipt, name="voice-receipt"),
    path("zns/trang-thai/", events.receipt, name="zns-receipt"),
    path("esms/trang-thai/<int:message_id>/<str:token>/", esms.receipt, name="esms-receipt"),
    path(
        "<slug:supplier>/trang-thai/<int:message_id>/<str:token>/",
        described.receipt,
        name="described-receipt-of-message",
    ),
    path(
        "<slug:supplier>/trang-thai/<str:secret>/",
        described.receipt,
        name="described-receipt-by-secret",
    ),
    path("<slug:supplier>/trang-thai/", described.receipt, name="described-receipt"),
]
