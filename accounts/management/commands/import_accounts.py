"""Loads a file of accounts at a terminal: tried out first, taken in with --apply."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.loading import account_table
from accounts.management.private_file import private_file
from accounts.models import Ground
from accounts.organisation.units import NOT_HERE
from accounts.spreadsheets import reading, writing

NO_WAY_IN = (
    "They have no password here, and no number that is confirmed, so no code goes to them."
    " Who is new and has no number gets in by a printed slip: /quan-tri/phieu-kich-hoat/."
    " For others load their hashes: for new accounts with this file, for those that are here with"
    ' import_mailboxes. Or propose and approve their numbers at /ho-tro/; then "Quên mật khẩu"'
    " lets them in. See docs/operate.md."
)
_HIDDEN_ROWS = {None: None, "take": True, "skip": False}
SAID = 100  # faults that are printed; --faults keeps them all


class Command(BaseCommand):
    AT_A_TERMINAL = "--phones-confirmed"

    help = "Try out a CSV or XLSX file of accounts, or load it: all of it or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--apply", action="store_true", help="load it, if nothing is wrong")
        parser.add_argument("--add-units", action="store_true", help="make units that are missing")
        parser.add_argument("--sheet", default="", help="the sheet of a workbook that is meant")
        parser.add_argument(
            "--hidden-rows", choices=("take", "skip"), help="what becomes of rows that are hidden"
        )
        parser.add_argument(
            "--phones-confirmed",
            action="store_true",
            help="numbers of the file count at once, without a code; --ground says why",
        )
        parser.add_argument(
            "--ground",
            default=self.AT_A_TERMINAL,
            help="why the numbers count, kept on record (default: %(default)s)",
        )
        parser.add_argument("--faults", type=Path, help="write all faults into this CSV file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            # No further than a file may go: whatever stands behind the name, memory is bounded.
            with options["file"].open("rb") as file:
                content = file.read(reading.LARGEST + 1)
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        try:
            outcome = account_table.run(
                account_table.read(content, sheet=options["sheet"]),
                apply=options["apply"],
                add_units=options["add_units"],
                hidden_rows=_HIDDEN_ROWS[options["hidden_rows"]],
                hidden_sheet=bool(options["sheet"]),
                vouched=Ground(options["ground"]) if options["phones_confirmed"] else None,
            )
        except reading.Unreadable as error:
            raise CommandError(str(error)) from None
        for notice in outcome.notices:
            self.stdout.write(notice)
        if outcome.faults:
            self._refuse(outcome.faults, options["faults"])
        self.stdout.write(
            f"created: {outcome.created}\nupdated: {outcome.updated}\n"
            f"unchanged: {outcome.unchanged}\nphones kept as they are: {outcome.phones_kept}\n"
            f"phones confirmed: {outcome.phones_vouched}\n"
            f"units made: {len(outcome.units)}\ncannot get in yet: {outcome.without_way_in}"
        )
        if outcome.without_way_in:
            self.stdout.write(NO_WAY_IN)
        self._ask(outcome, apply=options["apply"])
        if not options["apply"]:
            self.stdout.write("Nothing was written. Load it with --apply.")

    def _ask(self, outcome: account_table.LoadOutcome, *, apply: bool) -> None:
        """Say what was hidden, and refuse to load it before somebody has said what is meant."""
        if outcome.hidden_rows:
            self.stdout.write(f"hidden rows: {outcome.hidden_rows}")
        questions = []
        if outcome.asks_for_rows:
            questions += [
                f"{outcome.hidden_rows} rows are hidden, and not counted:"
                " say --hidden-rows take, or --hidden-rows skip."
            ]
        if outcome.asks_for_sheet:
            name = outcome.asks_for_sheet
            questions += [f'The sheet is hidden: say --sheet "{name}" if it is meant.']
        if questions and apply:
            raise CommandError(" ".join(["Nothing was loaded.", *questions]))
        for question in questions:
            self.stdout.write(question)

    def _refuse(self, faults: list[account_table.TableFault], keep: Path | None) -> None:
        for fault in faults[:SAID]:
            self.stderr.write(f"{fault.row}: {fault.address}: {fault.reason}")
        if len(faults) > SAID:
            self.stderr.write(f"... and {len(faults) - SAID} more")
        if keep:
            lines = ([fault.row, fault.address, fault.reason] for fault in faults)
            with private_file(keep) as file:
                file.writelines(writing.write_csv(writing.FAULT_COLUMNS, lines))
        if any(str(NOT_HERE) in fault.reason for fault in faults):
            self.stderr.write("--add-units makes the units that are missing.")
        raise CommandError(f"Nothing was loaded: {len(faults)} faults.")
