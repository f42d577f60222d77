"""Bring the accounts in line with the directory, or say what would be done."""

from collections import Counter
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import directory
from accounts.loading.directory_entries import ATTRIBUTES
from accounts.loading.directory_sync import AT_MOST, Sync, disable
from accounts.loading.mailbox import LeftOut
from accounts.management.recorded import RecordedCommand
from accounts.models import Account

SHOWN = 20  # of each list


class Command(RecordedCommand):
    help = (
        "Compare the accounts with the directory and say what differs; with --apply, make and"
        " change accounts. Run it again after an interruption: what is done is not done twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="change the accounts")
        parser.add_argument(
            "--phones-confirmed",
            action="store_true",
            help="numbers read from the directory count at once, without a code",
        )
        parser.add_argument(
            "--disable-missing",
            type=int,
            nargs="?",
            const=AT_MOST,
            metavar="N",
            help="with --apply: disable accounts that are not in the directory, if they are no"
            f" more than N (default {AT_MOST})",
        )

        parser.add_argument(
            "--lock-at-most",
            type=int,
            default=AT_MOST,
            metavar="N",
            help="with --apply: lock no more accounts than N that are locked or disabled in the"
            f" directory (default {AT_MOST})",
        )

    def counts(self, options: dict[str, Any]) -> bool:
        return bool(options["apply"])

    def handle(self, *args: Any, **options: Any) -> None:
        if not directory.is_in_charge():
            raise CommandError("DIRECTORY is not set.")
        sync = Sync(options["apply"], options["phones_confirmed"], options["lock_at_most"])
        try:
            for page in directory.pages(ATTRIBUTES):
                sync.sync_page(page)
        except directory.NoAnswer:
            raise CommandError(
                f"The directory did not answer after {sync.counts['entries']} entries; the log"
                " has the reason. What was done stays: run it again."
            ) from None
        other_addresses = sync.give_aliases()
        missing = sync.missing()
        self._tell(sync)
        self._tell_entries(sync, other_addresses)
        self._list("missing in the directory", [account.address for account in missing])
        if not options["apply"]:
            self.stdout.write("Nothing was changed. --apply does it.")
        elif options["disable_missing"] is not None:
            self._disable(sync, missing, at_most=options["disable_missing"])
        if open_still := sync.counts["left open"]:
            locked = sync.counts["locked by this run"]
            raise CommandError(
                f"{open_still} accounts that are locked or disabled in the directory were left"
                f" open: {locked} were locked, and no more in one run. If it is right, say"
                f" --lock-at-most {open_still}."
            )

    def _tell(self, sync: Sync) -> None:
        counts = sync.counts
        for name in ("entries", "made", "changed", "numbers read", "numbers written", "aliases"):
            self.stdout.write(f"{name}: {counts[name]}")
        self.stdout.write(f"in the directory, but disabled here: {counts['disabled here']}")
        self.stdout.write(
            f"locked or disabled in the directory: {counts['locked there']} (now locked here:"
            f" {counts['locked here']}, unlocked: {counts['unlocked here']})"
        )
        self.stdout.write(
            f"locked there for a while, after wrong passwords: {counts['paused there']}"
        )
        self.stdout.write(
            f"names of units that are not here: {counts['names of units that are not here']}"
        )
        self._list("must change their password at the next log-in", sync.must_change)

    def _tell_entries(self, sync: Sync, other_addresses: list[LeftOut]) -> None:
        reasons = Counter(reason for _, reason in sync.skipped)
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        self.stdout.write(f"entries left out: {len(sync.skipped)}{f' ({told})' if told else ''}")
        for dn, reason in sync.skipped[:SHOWN]:
            self.stdout.write(f"  {reason}: {dn!a}")
        self._list(
            "other addresses left out", [f"{each.name}: {each.reason}" for each in other_addresses]
        )

    def _list(self, title: str, names: list[str]) -> None:
        self.stdout.write(f"{title}: {len(names)}")
        for name in names[:SHOWN]:
            self.stdout.write(f"  {name}")

    def _disable(self, sync: Sync, missing: list[Account], *, at_most: int) -> None:
        if not sync.counts["entries"]:
            raise CommandError("The directory has no entry at all: nobody was disabled.")
        if len(missing) > at_most:
            raise CommandError(
                f"{len(missing)} accounts are missing, which is more than {at_most}: nobody was"
                f" disabled. If it is right, say --disable-missing {len(missing)}."
            )
        disable(missing)
        self.stdout.write(f"disabled: {len(missing)}")
