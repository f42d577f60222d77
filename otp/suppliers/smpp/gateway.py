"""The gateway over an office's own line to an operator, by SMPP 3.4."""

import datetime as dt

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, SmsError, Unknown
from otp.suppliers.smpp.line import Line
from otp.suppliers.smpp.pdus import Status, Unit
from otp.suppliers.smpp.reports import Reports
from otp.suppliers.smpp.texts import Part, parts_of

AGAIN = dt.timedelta(seconds=2)  # after which a centre that has no room is asked again
LONGEST_VALIDITY = dt.timedelta(hours=23)

INTERNATIONAL, ISDN = 1, 1  # type and plan of a whole number
ALPHANUMERIC, SHORT_CODE, NO_PLAN = 5, 3, 0
LONGEST_SHORT_CODE = 8  # digits

BUSY = frozenset({Status.QUEUE_FULL, Status.THROTTLED})
# Nothing was taken, and the fault lies with the office's account or with how it is set up, not with
# the number: another supplier may well take the message.
NOT_THIS_WAY = frozenset(
    {
        *(0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07),  # lengths, commands, states, flags
        *(0x0A, 0x0D, 0x0E, 0x0F, 0x15),  # source, bind, password, system id, service type
        *(0x43, 0x44, 0x45, 0x48, 0x49, 0x50, 0x51, 0x53),  # classes, types and plans of addresses
        *(0x61, 0x62, 0x64, 0x65, 0x66, 0x67),  # times, the application
        *(0xC0, 0xC1, 0xC2, 0xC3, 0xC4),  # parameters
    }
)


class SmppGateway:
    """Sends on one line that all threads share. It begins with the first message, or by `begin`."""

    name = "smpp"
    repeats_are_harmless = False  # a centre takes every submit_sm for a new message

    def __init__(self) -> None:
        self._set_up = settings.SMPP
        self._line = Line(self._set_up, on_report=self._reported, on_late=self._late)
        self._reports = Reports(
            self.name,
            decimal=self._set_up.receipt_ids == "decimal",
            message_of=self._line.message_of,
            answer=self._line.answer,
        )
        self._source = _source_of(self._set_up.source or settings.PROFILE.sms.brand)
        self._takes_validity = True

    def begin(self) -> None:
        """Bind now, so that reports on what was sent before come in."""
        self._line.begin()

    def end(self) -> None:
        """Write down the reports that have come, and unbind."""
        self._reports.end()
        self._line.end()

    @sensitive_variables()
    def send(self, sms: Sms) -> str:
        parts = parts_of(
            sms.text,
            reference=sms.message_id % 256,
            in_payload=self._set_up.long_texts == "payload",
        )
        gateway_id = ""
        for number, part in enumerate(parts):
            taken = self._outcome(sms, part)
            if isinstance(taken, SmsError):
                # A part of it is with the telephone already.
                raise Unknown(taken.reason) if number else taken
            gateway_id = taken
        return gateway_id

    @sensitive_variables()
    def _outcome(self, sms: Sms, part: Part) -> str | SmsError:
        """Give the centre's id of a part, or what came instead."""
        try:
            unit = self._submit(sms, part)
        except SmsError as error:
            return error
        return unit.text("message_id") if unit.status == Status.OK else _refusal(unit.status)

    @sensitive_variables()
    def _submit(self, sms: Sms, part: Part) -> Unit:
        """Hand it over, with how long it is worth sending where the centre takes that."""
        fields = {
            **part.fields,
            **self._source,
            "dest_addr_ton": INTERNATIONAL,
            "dest_addr_npi": ISDN,
            "destination_addr": sms.to.removeprefix("+"),
            "registered_delivery": int(part.asks_report),
        }
        if self._takes_validity:
            fields["validity_period"] = _validity(sms.left)
        unit = self._line.submit(sms.message_id if part.asks_report else 0, fields)
        if unit.status == Status.WRONG_VALIDITY and "validity_period" in fields:
            self._takes_validity = False
            return self._submit(sms, part)
        return unit

    def _reported(self, unit: Unit) -> None:
        self._reports.begin()
        self._reports.came(unit)

    def _late(self, message_id: int, gateway_id: str) -> None:
        self._reports.begin()
        self._reports.accepted(message_id, gateway_id)


def _refusal(status: int) -> SmsError:
    reason = str(status)
    if status in BUSY:
        return NotSent(reason, retry_after=AGAIN)
    if status in NOT_THIS_WAY:
        return NotSent(reason)
    # The centre does not know itself what it did.
    return Unknown(reason) if status == Status.SYSTEM_ERROR else GatewayRefused(reason)


def _source_of(name: str) -> dict[str, object]:
    """Give a sender's name or number with its type: a brand name, a short code, a whole number."""
    digits = name.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        kind, plan, digits = ALPHANUMERIC, NO_PLAN, name
    elif len(digits) <= LONGEST_SHORT_CODE:
        kind, plan = SHORT_CODE, NO_PLAN
    else:
        kind, plan = INTERNATIONAL, ISDN
    return {"source_addr_ton": kind, "source_addr_npi": plan, "source_addr": digits}


def _validity(left: dt.timedelta) -> str:
    """Write how long a message is worth sending, from now on: SMPP 3.4, 7.1.1."""
    seconds = int(max(dt.timedelta(seconds=1), min(left, LONGEST_VALIDITY)).total_seconds())
    minutes, seconds = divmod(seconds, 60)
    return f"000000{minutes // 60:02}{minutes % 60:02}{seconds:02}000R"
