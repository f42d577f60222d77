"""The database role of web, sender and worker: what it may do."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, transaction

from accounts.audit import portal_role


class Command(BaseCommand):
    help = "Print what the role of web, sender and worker is granted; --apply does it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role")
        parser.add_argument("--apply", action="store_true", help="do it, all or nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["apply"]:
            lines = map(portal_role.as_text, portal_role.statements(options["role"]))
            self.stdout.write("".join(f"{line};\n" for line in lines), ending="")
            return
        try:
            with transaction.atomic():
                portal_role.grant(options["role"])
        except ProgrammingError as error:
            first_line = str(error).partition("\n")[0]
            raise CommandError(
                f"Not done: {first_line}. Run it as the owner (DATABASE_OWNER_URL)."
            ) from None
        self.stdout.write(f"{options['role']} may do the portal's work, and no more.")
