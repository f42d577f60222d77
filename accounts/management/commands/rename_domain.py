"""Move every account of a domain to another; without --apply, say what would happen."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.loading import domain_renaming
from accounts.loading.domain_renaming import Taken


class Command(BaseCommand):
    help = (
        "Move all accounts from OLD to NEW and keep the old addresses as aliases. Both have to be"
        " listed in the profile. Nothing is changed without --apply."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("old")
        parser.add_argument("new")
        parser.add_argument("--apply", action="store_true", help="do it, all or nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        old, new = options["old"].lower(), options["new"].lower()
        _check(old, new)
        try:
            renaming = (domain_renaming.rename if options["apply"] else domain_renaming.plan)(
                old, new
            )
        except Taken as taken:
            lines = "".join(f"\n  {address}" for address in taken.addresses)
            raise CommandError(
                f"Nothing was changed: these are somebody else's, or a removed account's:{lines}"
            ) from None
        if options["verbosity"] > 1:
            for before, after in renaming.all.items():
                self.stdout.write(f"{before} -> {after}")
        done = "moved" if options["apply"] else "to move (nothing was changed; --apply does it)"
        counts = f"{len(renaming.mains)} accounts and {len(renaming.aliases)} aliases"
        self.stdout.write(f"{old} -> {new}: {counts} {done}")
        if settings.MAIL_DOMAIN_ALIASES.get(old) != new:
            self.stdout.write(_now_the_profile(old, new))
        if options["apply"]:
            self.stdout.write(_now_the_mail_server(new))


def _now_the_profile(old: str, new: str) -> str:
    return (
        f'Afterwards the profile must say, under [domain_aliases]: "{old}" = "{new}",'
        " and the portal be restarted. Else a stranger can tell by their counts which addresses"
        " exist."
    )


def _now_the_mail_server(new: str) -> str:
    return (
        "Then at the mail server: `postfix reload`; where bare names are to mean the new domain,"
        f" `auth_default_realm = {new}` in dovecot.conf (2.4: auth_default_domain) and"
        " `doveadm reload`."
    )


def _check(old: str, new: str) -> None:
    for domain in (old, new):
        if domain not in settings.MAIL_DOMAINS:
            raise CommandError(f"{domain} is not listed in the profile's domains.")
    if old == new:
        raise CommandError("Both names are the same.")
    if new in settings.MAIL_DOMAIN_ALIASES:
        raise CommandError(f"{new} is itself another name of {settings.MAIL_DOMAIN_ALIASES[new]}.")
