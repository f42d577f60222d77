from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Tài khoản"

    def ready(self) -> None:
        from accounts import checks  # noqa: F401  (registers the checks)
        from accounts.mailboxes import copy_domains

        post_migrate.connect(copy_domains, sender=self)


class StaffAdminConfig(AdminConfig):
    default_site = "accounts.staff.StaffSite"
