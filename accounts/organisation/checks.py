"""Domains of which the database and the profile say different things."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004
from django.db import connection

from accounts.models import MailDomain
from accounts.organisation.domains import inhabited

# Main addresses that were renamed: the old one leads to the same name in another domain.
_RENAMED = """
SELECT split_part(old.address, '@', 2), split_part(main.address, '@', 2), count(*)
FROM accounts_address AS old
JOIN accounts_address AS main ON main.account_id = old.account_id AND main.is_main
WHERE NOT old.is_main AND split_part(old.address, '@', 1) = split_part(main.address, '@', 1)
GROUP BY 1, 2 ORDER BY 1, 2
"""


@register(Tags.database)
def domains_agree(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warn before `migrate`, and in `check --database default`."""
    if not databases or "accounts_address" not in connection.introspection.table_names():
        return []
    return [*_not_renamed(), *_not_said(), *_not_told()]


def _not_renamed() -> list[CheckMessage]:
    aliases = settings.MAIL_DOMAIN_ALIASES
    return [
        Warning(
            f"The profile calls {old} another name of {aliases[old]}, and accounts still have their"
            " addresses there: nobody can log in with them.",
            hint=f"manage.py rename_domain {old} {aliases[old]} --apply. Until then the mail server"
            f" goes on with {old} as a domain of its own.",
            id="portal.W018",
        )
        for old in inhabited(aliases)
    ]


def _not_told() -> list[CheckMessage]:
    """Warn where the mail server still lets in by what APP_PASSWORDS no longer says."""
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, "accounts_maildomain")
    if "opens_by_password" not in [column.name for column in columns]:
        return []  # `migrate` will say
    opens = settings.APP_PASSWORDS != "only"
    if not MailDomain.objects.filter(name__in=settings.MAIL_DOMAINS).exclude(
        opens_by_password=opens
    ):
        return []
    return [
        Warning(
            f"APP_PASSWORDS is {settings.APP_PASSWORDS!r}, and the mail server has not been told.",
            hint="manage.py migrate tells it.",
            id="portal.W031",
        )
    ]


def _not_said() -> list[CheckMessage]:
    with connection.cursor() as cursor:
        cursor.execute(_RENAMED)
        renamed = cursor.fetchall()
    return [
        Warning(
            f"{count} addresses in {old} lead to the same names in {new}, and the profile does not"
            " call it another name of it: there a stranger can tell which addresses exist.",
            hint=f'Where the whole domain was renamed, put "{old}" = "{new}" under'
            " [domain_aliases] and restart the portal.",
            id="portal.W019",
        )
        for old, new, count in renamed
        if old in settings.MAIL_DOMAINS and settings.MAIL_DOMAIN_ALIASES.get(old) != new
    ]
