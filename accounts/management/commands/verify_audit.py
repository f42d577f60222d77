"""Says whether the audit trail is whole."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.audit import chain
from accounts.management.recorded import RecordedCommand
from otp.outbox import alerts

SHOWN = 20  # faults


class Command(RecordedCommand):
    help = (
        "Check that no row of the audit trail was changed, taken out or put in. The last line is"
        " the head of the chain: keep it elsewhere, and give it back with --through next time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--through", default="", metavar="SEQ:DIGEST", help="a head that was noted earlier"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = chain.verify(options["through"])
        for fault in report.faults[:SHOWN]:
            self.stderr.write(fault)
        if report.faults:
            line = _("Nhật ký không còn nguyên vẹn: %(count)d lỗi (manage.py verify_audit)")
            alerts.raise_now("audit", "portal", [line % {"count": len(report.faults)}])
            raise CommandError(f"The audit trail is not whole: {len(report.faults)} faults.")
        self.stdout.write(f"{report.rows} rows are whole, {report.pruned} were pruned.")
        self.stdout.write(report.head)
