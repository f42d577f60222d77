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
        parser.add_argument(
            "file",
            nargs="?",
            help="as `manage.py backup` has written it; without one, the rest is done of a restore"
            " that was broken off",
        )
        parser.add_argument("--identity", metavar="KEY", help="the file of age's private key")
        parser.add_argument(
            "--replace", action="store_true", help="although the database is not empty"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file = Path(options["file"]) if options["file"] else None
        try:
            if options["replace"] or not self._goes_on(file):
                self._put_back(file, options["identity"], replace=options["replace"])
            self._finish()
        except OperationalError as error:
            first_line = str(error).partition("\n")[0]
            raise CommandError(f"The database does not answer: {first_line}") from None

    def _goes_on(self, file: Path | None) -> bool:
        """Say whether this backup is in the database already, and only the rest is to be done."""
        name = restoring.unfinished()
        if not name:
            return False
        if file and file.name != name:
            raise CommandError(
                f"{name} was put back, and the rest is not done: `manage.py restore` without a file"
                " does it. --replace takes what is in the database away, for good."
            )
        self.stdout.write(f"{name} was put back before; now the rest is done.")
        return True

    def _put_back(self, file: Path | None, identity: str | None, *, replace: bool) -> None:
        if file is None:
            raise CommandError("Say which backup: manage.py restore FILE. None was broken off.")
        decrypt = _decryption(file, identity)
        self._refuse(replace=replace)
        connection.close()
        try:
            restoring.restore(decrypt, connection.settings_dict, file.name)
        except Failed as error:
            raise CommandError(f"Nothing was changed. {error}") from None
        except restoring.Doubtful as error:
            raise CommandError(
                f"Whether {file.name} was put back is not known: say the same once more. {error}"
            ) from None
        self.stdout.write(f"{file.name} was put back. It is not migrated and verified yet.")

    def _finish(self) -> None:
        name = restoring.unfinished()
        call_command("migrate", verbosity=0)
        try:
            call_command("verify_audit", all=True, stdout=self.stdout)
        except CommandError as error:
            restoring.finish()
            raise CommandError(
                f"{name} is restored and migrated. Before it is started: docs/breach.md. {error}"
            ) from None
        restoring.finish()
        self.stdout.write(f"{name} is restored.")
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
