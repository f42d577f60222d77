"""Puts dead numbers in doubt, and asks for numbers to be confirmed again; for cron, hourly."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.credentials import doubtful_numbers
from accounts.credentials.doubtful_numbers import AT_MOST, TooMany
from accounts.management.recorded import RecordedCommand


class Command(RecordedCommand):
    help = "Put numbers in doubt that suppliers call dead, and remind whose number is to confirm."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--at-most",
            type=int,
            default=AT_MOST,
            metavar="N",
            help=f"put none in doubt where there are more than N (default {AT_MOST})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"reminded: {doubtful_numbers.remind_overdue()}")
        try:
            count = doubtful_numbers.doubt_dead_numbers(at_most=options["at_most"])
        except TooMany as error:
            raise CommandError(
                f"{error.count} numbers were called dead, which is more than"
                f" {options['at_most']}: a supplier may be wrong, and none was put in doubt."
                f" If it is right, say --at-most {error.count}."
            ) from None
        self.stdout.write(f"in doubt: {count}")
