"""How the sending of SMS stands, for an operator at a terminal."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Count
from django.db.models.functions import Now, TruncDate
from django.utils import timezone

from otp import outbox
from otp.counting import ceilings
from otp.models import OFFICE_ZONE, Brakes, GatewayState, Message
from otp.outbox import life


class Command(BaseCommand):
    help = "Show the queue, today's messages by state, the gateways and the ceilings."

    def handle(self, *args: Any, **options: Any) -> None:
        self._queue()
        self._today()
        self._gateways()
        self._ceilings()

    def _queue(self) -> None:
        waiting = Message.objects.filter(state=Message.State.QUEUED).count()
        oldest = outbox.oldest_waiting()
        silent = life.silent()
        for name in life.EXPECTED:
            self._line(name, "NOT RUNNING" if name in silent else "alive")
        seconds = int(oldest.total_seconds()) if oldest else 0
        self._line("queued", f"{waiting}, oldest due for {seconds} s")

    def _today(self) -> None:
        states = (
            Message.objects.annotate(day=TruncDate("created_at", tzinfo=OFFICE_ZONE))
            .filter(day=TruncDate(Now(), tzinfo=OFFICE_ZONE))
            .values_list("channel", "gateway", "state")
            .annotate(count=Count("pk"))
            .order_by("channel", "gateway", "state")
        )
        for channel, gateway, state, count in states:
            self._line(f"today {channel} {gateway or '-'}", f"{state}: {count}")

    def _gateways(self) -> None:
        for state in GatewayState.objects.order_by("name"):
            fate = f"last success {_time(state.last_success_at)}"
            fate += f", errors in the last hour {state.errors_lately()}"
            if state.failures:
                fate += f", {state.failures} failures in a row ({state.last_reason})"
            if state.paused_until and state.paused_until > timezone.now():
                fate += f", PAUSED until {_time(state.paused_until)}"
            self._line(f"gateway {state.name}", fate)

    def _ceilings(self) -> None:
        for reading in ceilings.readings():
            mark = "  NEAR" if reading.is_near else ""
            self._line(reading.key, f"{reading.count} of {reading.most}{mark}")
        for row in Brakes.objects.all():
            self._line("sending stopped by IT", "YES" if row.sending_stopped else "no")
            self._line("proof of work asked", "YES" if row.proof_of_work else "no")

    def _line(self, name: str, value: str) -> None:
        self.stdout.write(f"{name:<24} {value}")


def _time(moment: Any) -> str:
    return f"{timezone.localtime(moment):%H:%M:%S %d/%m}" if moment else "never"
