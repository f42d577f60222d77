"""Says whether the audit trail is whole."""

import argparse
import re
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.audit import chain
from accounts.management.recorded import RecordedCommand
from otp.outbox import alerts

SHOWN = 20  # faults
_HEAD = re.compile(rf"[0-9]+:[0-9a-f]{{64}}|{chain.START}")


class Command(RecordedCommand):
    help = (
        "Check that no row of the audit trail was changed, taken out or put in: what was added"
        f" since the last time, and every {chain.WHOLE_EVERY.days} days all of it. The last line is"
        " the head of the chain: keep it elsewhere, and give it back with --through next time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--through",
            type=_head,
            metavar="SEQ:DIGEST",
            help="a head that was noted earlier: check that the whole chain passes through it",
        )
        parser.add_argument("--all", action="store_true", help="check the whole chain today")

    def handle(self, *args: Any, **options: Any) -> None:
        report = chain.verify_due(options["through"] or "", whole=options["all"])
        for fault in report.faults[:SHOWN]:
            self.stderr.write(fault)
        if report.faults:
            line = _("Nhật ký không còn nguyên vẹn: %(count)d lỗi (manage.py verify_audit)")
            alerts.raise_now("audit", "portal", [line % {"count": len(report.faults)}])
            raise CommandError(f"The audit trail is not whole: {len(report.faults)} faults.")
        if report.since:
            self.stdout.write(f"{report.rows} rows since link {report.since} are whole.")
        else:
            self.stdout.write(f"{report.rows} rows are whole, {report.pruned} were pruned.")
        self.stdout.write(report.head)


def _head(noted: str) -> str:
    """Give a head as it was noted; a slip of the pen is no sign of a forged trail."""
    head = noted.strip()
    if not _HEAD.fullmatch(head):
        raise argparse.ArgumentTypeError(
            f"{noted!r} is not the whole of a line that verify_audit has printed"
        )
    return head
