"""Take over the mailboxes of another mail system, or say what would come of it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import directory
from accounts.folding import visible
from accounts.loading.mailbox import MailboxFault
from accounts.loading.mailbox_files import FORMATS, open_text
from accounts.loading.mailboxes import MovingIn
from accounts.management.private_file import private_file
from accounts.spreadsheets.writing import write_csv

COUNTS = (
    "mailboxes",
    "new",
    "given their hash",
    "left as they are",
    "open",
    "locked",
    "switched off",
    "closed in the file, open here",
    "must change their password",
    "without a password",
    "hashes that cannot be taken over",
    "get in by mail programs only after a log-in here",
    "numbers",
    "numbers that are no mobiles",
    "aliases",
    "lists",
    "forwardings",
)
BAD_COLUMNS = ("place", "address", "reason", "what to do")
SHOWN = 20  # names of units

NO_WAY_IN = (
    "Those without a password cannot get in. Who is new and has no number gets in by a printed"
    " slip: /quan-tri/phieu-kich-hoat/. The others' numbers are proposed and approved at"
    ' /ho-tro/; then "Quên mật khẩu" lets them in.'
)
PORTAL_FIRST = (
    "Dovecot cannot check the hashes of some: once they have logged in at the portal, their mail"
    " program gets in as well."
)
MEND = "mend it in the file, and load that again: who is here by then stays as he is"
WITHOUT_A_HASH = (
    "load the file again with --without-bad-hashes: this person comes without a password, and gets"
    " one as docs/operate.md says of their way in"
)
WHAT_TO_DO = (
    "Mend the file, or say --skip-bad FILE to take all others; where it is the hash, say"
    " --without-bad-hashes to take its owner without one."
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
        parser.add_argument(
            "--skip-bad",
            type=Path,
            metavar="FILE",
            help="write the bad lines with their reasons into this CSV file, and take the others",
        )
        parser.add_argument(
            "--without-bad-hashes",
            action="store_true",
            help="take people whose hash cannot be taken over, without a password",
        )
        parser.add_argument(
            "--lists",
            type=Path,
            metavar="FILE",
            help="write lists and their members into this file, as Postfix reads them",
        )
        parser.add_argument("--add-units", action="store_true", help="make units that are missing")

    def handle(self, *args: Any, **options: Any) -> None:
        if directory.is_in_charge():
            raise CommandError("DIRECTORY keeps the passwords: manage.py sync_directory is for it.")
        moving = MovingIn(options["add_units"], options["without_bad_hashes"])
        try:
            with open_text(options["file"]) as lines:
                moving.read(FORMATS[options["format"]](lines))
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise CommandError(f"The file cannot be read: {reason}.") from None
        moving.compare()
        self._tell(moving)
        self._write(moving, options)
        if moving.faults and not options["skip_bad"]:
            self.stdout.write(WHAT_TO_DO)
            raise CommandError(f"{len(moving.faults)} bad lines: nothing was changed.")
        if not moving.rows:
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
        if moving.counts["get in by mail programs only after a log-in here"]:
            self.stdout.write(PORTAL_FIRST)
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(moving.schemes.items()))
        self.stdout.write(f"hashes: {kinds or 'none'}")
        self._tell_names(moving)

    def _tell_names(self, moving: MovingIn) -> None:
        if moving.unknown_units:
            self.stdout.write("units that are not here (--add-units makes them):")
        for unit, count in moving.unknown_units.most_common(SHOWN):
            self.stdout.write(f"  {unit}: {count}")
        self.stdout.write(f"left out: {len(moving.left_out)}")
        for each in moving.left_out:
            self.stdout.write(f"  {visible(each.name)} ({each.place}): {each.reason}")
        for notice in moving.notices:
            self.stdout.write(notice)
        for fault in moving.faults:
            self.stdout.write(f"{fault.place} {fault.reason}")

    def _write(self, moving: MovingIn, options: dict[str, Any]) -> None:
        if options["lists"]:
            with private_file(options["lists"]) as file:
                file.write(moving.aliases.as_postfix_reads().encode())
        if options["skip_bad"]:
            lines = map(_bad_line, moving.faults)
            with private_file(options["skip_bad"]) as file:
                file.writelines(write_csv(BAD_COLUMNS, lines))
            self.stdout.write(f"skipped: {len(moving.faults)}, into {options['skip_bad']}")


def _bad_line(fault: MailboxFault) -> list[str]:
    remedy = WITHOUT_A_HASH if fault.is_of_the_hash else MEND
    return [fault.place, fault.address, fault.reason, remedy]
