"""Gives somebody a new password, by the portal's one door: audited, told, and all sessions end."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.addresses import AddressError, canonical
from accounts.credentials import typed
from accounts.models import Account


class Command(BaseCommand):
    help = (
        "Give an account a new password, which is asked for, or read from standard input. Its owner"
        " is told by SMS and mail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = Account.objects.reached_at(canonical(options["address"]))
        except AddressError:
            raise CommandError("This is no address in the domains of the profile.") from None
        if account is None:
            raise CommandError("There is no such account.")
        typed.set_password(account)
        self.stdout.write(f"{account.address}: a new password")
