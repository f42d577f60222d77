"""The addresses of programs: a contract; what changes their meaning gets a v2."""

from django.urls import path

from accounts.api import views

app_name = "api"

urlpatterns = [
    path("openapi.json", views.openapi, name="openapi"),
    path("units", views.units, name="units"),
    path("coverage", views.coverage, name="coverage"),
    path("accounts", views.accounts, name="accounts"),
    path("accounts/<str:address>", views.account, name="account"),
    path("accounts/<str:address>/lock", views.lock, name="lock"),
    path("accounts/<str:address>/unlock", views.unlock, name="unlock"),
]
