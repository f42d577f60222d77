"""The domains of the office as the mail server reads them: a copy of what the settings say."""

import logging
from collections.abc import Iterable
from typing import Any

from django.apps import apps as current
from django.apps.registry import Apps
from django.conf import settings
from django.db.models import Manager

from otp import outbox

logger = logging.getLogger(__name__)


def copy_domains(apps: Apps = current, **_: object) -> None:
    """Write the profile's domains into the database, where the mail server's views read them.

    Called after `migrate`, with the schema as it then is, or none where it goes back too far. A
    domain in which accounts still have their address is made no other's name: their mail would be
    delivered to whoever has the same name there, or to nobody.
    """
    try:
        domains = apps.get_model("accounts", "MailDomain").objects
    except LookupError:
        return
    aliases = dict(settings.MAIL_DOMAIN_ALIASES)
    for name in inhabited(aliases, apps):
        logger.error("%s is not yet another name of %s: run rename_domain", name, aliases.pop(name))
    for name in sorted(settings.MAIL_DOMAINS, key=aliases.__contains__):  # aliases come last
        _write(domains, name, aliases.get(name))
    domains.exclude(pk__in=settings.MAIL_DOMAINS).delete()


def _write(domains: "Manager[Any]", name: str, alias_of: str | None) -> None:
    """Write one; where no password opens it any longer that did, its mail sessions end."""
    columns: dict[str, object] = {"alias_of_id": alias_of}
    if hasattr(domains.model, "opens_by_password"):
        opens = settings.APP_PASSWORDS != "only"
        columns["opens_by_password"] = opens
        if not opens and domains.filter(pk=name, opens_by_password=True).exists():
            outbox.queue_kick(name, to=f"*@{name}")
    domains.update_or_create(pk=name, defaults=columns)


def inhabited(domains: Iterable[str], apps: Apps = current) -> list[str]:
    """Keep the domains in which accounts have their own addresses."""
    accounts = apps.get_model("accounts", "Account").objects
    return [each for each in domains if accounts.filter(address__endswith=f"@{each}").exists()]
