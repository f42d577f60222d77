"""Puts a backup back: all of it, or nothing."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from accounts.upkeep import restoring
from accounts.upkeep.pipes import Failed


class Command(BaseCommand):
    help = (
        "Restore a backup into the database of DATABASE_OWNER_URL, or DATABASE_URL, as a whole or"
        " not at all; then migrate it, and verify the audit trail."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="as `manage.py backup` has written it")
        parser.add_argument("--identity", metavar="KEY", help="the file of age's private key")
        parser.add_argument(
            "--replace", action="store_true", help="although the database is not empty"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file = Path(options["file"])
        decrypt = _decryption(file, options["identity"])
        try:
            self._refuse(replace=options["replace"])
            connection.close()
            restoring.restore(decrypt, connection.settings_dict)
        except OperationalError as error:
            first_line = str(error).partition("\n")[0]
            raise CommandError(f"The database does not answer: {first_line}") from None
        except Failed as error:
            raise CommandError(f"Nothing was changed. {error}") from None
        call_command("migrate", verbosity=0)
        call_command("verify_audit", all=True, stdout=self.stdout)
        self.stdout.write(f"{file.name} is restored.")
        self.stdout.write("Where a mail server reads it: manage.py mail_role --apply. Then start")
        self.stdout.write("the web pages, the sender and the worker.")

    def _refuse(self, *, replace: bool) -> None:
        if others := restoring.other_sessions():
            raise CommandError(
                f"{others} other sessions use the database: stop the web pages, the sender and the"
                " worker first."
            )
        if not replace and restoring.is_in_use():
            raise CommandError(
                "The database is not empty. --replace takes what is in it away, for good."
            )


def _decryption(file: Path, identity: str | None) -> list[str]:
    if not file.is_file():
        raise CommandError(f"{file}: there is no such file.")
    if file.suffix == ".gpg":
        return ["gpg", "--batch", "--quiet", "--decrypt", str(file)]
    if file.suffix != ".age":
        raise CommandError(f"{file}: a backup's name ends in .dump.age or .dump.gpg.")
    if not identity or not Path(identity).is_file():
        raise CommandError("--identity must be the file of age's private key.")
    return ["age", "--decrypt", "--identity", identity, str(file)]
