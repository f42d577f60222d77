"""Removes the accounts whose removal was confirmed; every hour, and when one is confirmed."""

from typing import Any

from accounts.audit.forgetting import forget_stragglers
from accounts.management.recorded import RecordedCommand
from accounts.removal import rules


class Command(RecordedCommand):
    help = "Remove the accounts whose removal two members of staff have agreed on."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"expired: {rules.expire()}")
        for outcome, count in rules.run().items():
            self.stdout.write(f"{outcome.value}: {count}")
        self.stdout.write(f"audit rows forgotten late: {forget_stragglers()}")
