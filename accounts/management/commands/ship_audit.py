"""Brings the audit trail to where the office's security centre reads it."""

from typing import Any

from django.core.management.base import CommandError

from accounts.audit import shipping
from accounts.management.recorded import RecordedCommand


class Command(RecordedCommand):
    help = (
        "Write what was added to the audit trail to AUDIT_FILE, and send it to AUDIT_SYSLOG; may be"
        " killed at any moment, and run as often as one likes."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        places = shipping.places()
        if not places:
            raise CommandError("Set AUDIT_FILE or AUDIT_SYSLOG: docs/operate.md.")
        faults = []
        for place in places:
            # One that is away keeps nothing from the other.
            try:
                count = shipping.ship(place)
            except shipping.NotShipped as fault:
                faults.append(str(fault))
            else:
                self.stdout.write(f"{place}: {count} rows.")
        if faults:
            raise CommandError(" ".join(faults))
