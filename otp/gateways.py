"""The SMS gateways in use, as SMS_GATEWAY names them."""

from django.conf import settings


def in_use() -> list[str]:
    """Name the gateways that are used, the first to be tried first."""
    return str(settings.SMS_GATEWAY).split(",")
