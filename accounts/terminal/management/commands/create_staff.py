"""Gives somebody a role among the staff, or takes it away; there is no page for it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts.addresses import AddressError, canonical
from accounts.credentials import factor_proposals, phone_proposals, typed
from accounts.models import Account, AddressQuarantine, AuditEvent, Unit
from accounts.organisation import roles


class Command(BaseCommand):
    help = (
        "Give an account a role. An account that does not exist yet is made, with a password that"
        " is asked for twice, or read from standard input; that of an account which is there stays"
        " as it is, unless --new-password is given. The second factor is put into an app at the"
        " first log-in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address")
        parser.add_argument("--role", choices=[*roles.NAMES, "none"], required=True)
        parser.add_argument("--name", default="", help="full name, for a new account")
        parser.add_argument("--unit", default="", help="name or short name, for unit-it")
        parser.add_argument(
            "--new-password",
            action="store_true",
            help="ask for a new password of an account that is there, too",
        )

    @sensitive_variables("password")
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            address = canonical(options["address"])
        except AddressError:
            raise CommandError("This is no address in the domains of the profile.") from None
        account = Account.objects.reached_at(address)
        if options["role"] == "none":
            self._dismiss(account)
            return
        unit = _unit(options["unit"])
        if options["role"] == "unit-it" and not (unit or (account and account.unit_id)):
            raise CommandError("unit-it needs --unit: the unit whose people are looked after.")
        password = ""
        if account is None:
            _refuse_kept(address)
            password = typed.new_password(
                Account(address=address, full_name=options["name"], unit=unit, is_staff=True)
            )
        elif options["new_password"]:
            account.is_staff = True  # by whose policy the password is judged
            typed.set_password(account)
        with transaction.atomic():
            if account is None:
                account = Account.objects.create_user(
                    address, password, full_name=options["name"], is_staff=True
                )
            if unit:
                account.unit = unit
            account.is_staff, account.is_superuser = True, False
            account.save(update_fields=["is_staff", "is_superuser", "unit"])
            account.groups.set(roles.groups_of(roles.NAMES[options["role"]]))
            account.end_sessions()
            AuditEvent.record(
                AuditEvent.Event.STAFF_APPOINTED, account, address=address, role=options["role"]
            )
        self.stdout.write(f"{address}: {options['role']}")

    def _dismiss(self, account: Account | None) -> None:
        if account is None:
            raise CommandError("There is no such account.")
        with transaction.atomic():
            account.is_staff = account.is_superuser = False
            account.save(update_fields=["is_staff", "is_superuser"])
            account.groups.clear()
            account.end_sessions()
            phone_proposals.drop_by(account)
            factor_proposals.drop_by(account)
            AuditEvent.record(AuditEvent.Event.STAFF_DISMISSED, account)
        self.stdout.write(f"{account.address}: no role")


def _refuse_kept(address: str) -> None:
    if refusal := AddressQuarantine.objects.refusal_of(address):
        raise CommandError(refusal)


def _unit(name: str) -> Unit | None:
    if not name:
        return None
    found = Unit.objects.filter(name=name) | Unit.objects.filter(code=name)
    if len(found) != 1:
        raise CommandError(f"--unit: {len(found)} units are called {name}.")
    return found[0]
