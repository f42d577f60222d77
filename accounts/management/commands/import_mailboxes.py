"""Take over the mailboxes of another mail system, or say what would come of it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import directory
from accounts.loading.mailbox_files import FORMATS
from accounts.loading.mailboxes import MovingIn

COUNTS = (
    "mailboxes",
    "new",
    "given their hash",
    "left as they are",
    "without a password",
    "switched off",
    "numbers",
    "numbers that are no mobiles",
)

NO_WAY_IN = (
    "Those without a password cannot get in before a number of theirs is proposed and approved at"
    ' /ho-tro/; then "Quên mật khẩu" lets them in.'
)


class Command(BaseCommand):
    help = (
        "Read mailboxes and their hashes from FILE and say what would be made of them. With"
        " --apply it is done: all of it, or nothing where a line is bad."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", choices=sorted(FORMATS), required=True)
        parser.add_argument("--apply", action="store_true", help="make the accounts")

    def handle(self, *args: Any, **options: Any) -> None:
        if directory.is_in_charge():
            raise CommandError("DIRECTORY keeps the passwords: manage.py sync_directory is for it.")
        moving = MovingIn()
        try:
            with options["file"].open(
                encoding="utf-8-sig", errors="replace", newline="\n"
            ) as lines:
                moving.read(FORMATS[options["format"]](lines))
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from None
        moving.compare()
        self._tell(moving)
        if moving.faults:
            raise CommandError(f"{len(moving.faults)} bad lines: nothing was changed.")
        if not moving.counts["mailboxes"]:
            raise CommandError("There is no mailbox in it: nothing was changed.")
        if not options["apply"]:
            self.stdout.write("Nothing was changed. --apply does it.")
            return
        moving.apply()
        self.stdout.write("Done.")

    def _tell(self, moving: MovingIn) -> None:
        for name in COUNTS:
            self.stdout.write(f"{name}: {moving.counts[name]}")
        if moving.counts["without a password"]:
            self.stdout.write(NO_WAY_IN)
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(moving.schemes.items()))
        self.stdout.write(f"hashes: {kinds or 'none'}")
        for fault in moving.faults:
            self.stdout.write(f"{fault.place} {fault.reason}")
