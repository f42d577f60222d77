"""The addresses of programs: a contract; what changes their meaning gets a v2."""

from django.urls import path

from accounts.api import views

app_name = "api"

urlpatterns = [
    path("openapi.json", views.openapi, name="openapi"),
    path("units", views.units, name="units"),
    path("coverage", views.coverage, name="coverage"),
    path("campaigns/password", views.password_campaigns, name="password-campaigns"),
    path("campaigns/password/<int:pk>", views.password_campaign, name="password-campaign"),
    path("campaigns/phone", views.phone_campaigns, name="phone-campaigns"),
    path("campaigns/phone/<int:pk>", views.phone_campaign, name="phone-campaign"),
    path("messages", views.messages, name="messages"),
    path("messages/counts", views.message_counts, name="message-counts"),
    path("loads", views.load, name="load"),
    path("accounts", views.accounts, name="accounts"),
    path("accounts/<str:address>", views.account, name="account"),
    path("accounts/<str:address>/lock", views.lock, name="lock"),
    path("accounts/<str:address>/unlock", views.unlock, name="unlock"),
]
