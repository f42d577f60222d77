from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Tài khoản"

    def ready(self) -> None:
        from accounts import checks, directory_checks  # noqa: F401  (registers the checks)


class StaffAdminConfig(AdminConfig):
    default_site = "accounts.staff.StaffSite"
