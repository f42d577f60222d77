"""The app, with its checks of the settings."""

from contextlib import suppress

from django.apps import AppConfig
from django.apps import apps as current
from django.apps.registry import Apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def make_ceilings(apps: Apps = current, **_: object) -> None:
    """Have the one row of ceilings and switches there: without it no code is issued.

    `migrate` tells of the schema as it then is; `flush` means the one of today.
    """
    # Going back to an older schema, there may be no such table.
    with suppress(LookupError):
        apps.get_model("otp", "Brakes").objects.get_or_create(pk=1)


class OtpConfig(AppConfig):
    name = "otp"
    verbose_name = _("Mã và tin nhắn")

    def ready(self) -> None:
        from otp import checks  # noqa: F401  (registers the checks)

        post_migrate.connect(make_ceilings, sender=self)
