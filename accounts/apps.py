"""The app: registers the checks, and gives the roles their rights after `migrate`."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.auth import user_logged_in
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Tài khoản và đơn vị")

    def ready(self) -> None:
        for checks in (
            "accounts.audit.checks",
            "accounts.checks",
            "accounts.directory.checks",
            "accounts.organisation.checks",
            "accounts.upkeep.checks",
        ):
            import_module(checks)  # registers them
        from accounts.access import watching
        from accounts.audit import portal_role
        from accounts.hooks import sending as hooks
        from accounts.hooks import standing as hooks_standing
        from accounts.organisation import roles
        from accounts.organisation.domains import copy_domains
        from accounts.personal_data import rules as personal_data
        from accounts.upkeep import migrating, records
        from otp.outbox import alerts, sender

        user_logged_in.disconnect(dispatch_uid="update_last_login")  # accounts.access.login does it
        # This app comes last: the rights of the other apps' tables are there by then.
        pre_migrate.connect(migrating.drop_half_made_indexes, sender=self)
        post_migrate.connect(roles.make_groups, sender=self)
        post_migrate.connect(copy_domains, sender=self)
        # After the last app: this one.
        post_migrate.connect(portal_role.grant_after_migrating, sender=self)
        post_migrate.connect(records.look_after, sender=self)
        for kind, look in watching.KINDS.items():
            alerts.watch(kind, look)
        alerts.watch("job-overdue", records.overdue)
        alerts.watch("job-failed", records.failing)
        alerts.watch("data-requests", personal_data.due_soon, each=alerts.DAY)
        alerts.watch("webhook", hooks_standing.failing)
        sender.run_beside(hooks.Webhooks)


class StaffAdminConfig(SimpleAdminConfig):
    """The administration, whose pages are loaded with the addresses: a sender has none."""

    default_site = "accounts.home.site.HomeSite"
