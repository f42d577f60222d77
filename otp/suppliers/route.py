"""Hands a message to the first gateway, in the office's order, that takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.views.decorators.debug import sensitive_variables

from otp.suppliers import receipts
from otp.suppliers.breakers import Breakers
from otp.suppliers.code_ways import SMS
from otp.suppliers.gateway import (
    GatewayRefused,
    NotSent,
    Sms,
    SmsGateway,
    StandingGateway,
    Unknown,
    for_codes,
    from_settings,
)

PAUSED = "paused"


@dataclass(frozen=True)
class Accepted:
    """Which supplier took the message, and its id there."""

    gateway: str
    gateway_id: str


class Route:
    """Tries gateways in order. What may have gone out is never handed to another.

    A gateway is passed over while its breaker is open, and when it cannot be reached, has no room,
    or cannot serve the office; a refusal of the number ends the message, whoever says it.
    """

    def __init__(
        self, gateways: Sequence[SmsGateway], for_codes: Mapping[str, SmsGateway] | None = None
    ) -> None:
        """Make one of the gateways for SMS, and of the one of each other way for codes."""
        self._gateways = gateways
        others = {way: [gateway] for way, gateway in (for_codes or {}).items()}
        self._by_way: Mapping[str, Sequence[SmsGateway]] = {SMS: gateways, **others}
        self._breakers = Breakers()

    def __str__(self) -> str:
        return ",".join(gateway.name for way in self._by_way.values() for gateway in way)

    def begin(self) -> None:
        """Open the lines that stand."""
        for gateway in self._gateways:
            if isinstance(gateway, StandingGateway):
                gateway.begin()

    def end(self) -> None:
        """Close the lines that stand."""
        for gateway in self._gateways:
            if isinstance(gateway, StandingGateway):
                gateway.end()

    @sensitive_variables()
    def send(self, sms: Sms, *, only: str = "", way: str = SMS) -> Accepted:
        """Hand the message over by this way, by the gateway named `only` where one is.

        Raises `NotSent` with the shortest wait that any gateway asked for, `GatewayRefused`, or
        `Unknown`.
        """
        missed: list[NotSent] = []
        for gateway in self._by_way.get(way, ()):
            if only in ("", gateway.name):
                try:
                    return Accepted(gateway.name, self._try(gateway, sms))
                except NotSent as error:
                    missed.append(error)
        waits = [error.retry_after for error in missed if error.retry_after is not None]
        reason = missed[-1].reason if missed else PAUSED
        raise NotSent(
            reason, retry_after=min(waits) if waits and len(waits) == len(missed) else None
        )

    def _try(self, gateway: SmsGateway, sms: Sms) -> str:
        if not self._breakers.admits(gateway.name):
            raise NotSent(PAUSED)
        try:
            gateway_id = receipts.clean_id(gateway.send(sms))
        except NotSent as error:
            if error.retry_after is None:
                self._breakers.failed(gateway.name, error.reason)
            raise
        except Unknown as error:
            self._breakers.failed(gateway.name, error.reason)
            error.repeat_by = gateway.name if gateway.repeats_are_harmless else ""
            error.gateway = gateway.name
            raise
        except GatewayRefused as error:
            self._breakers.worked(gateway.name)
            error.gateway = gateway.name
            raise
        self._breakers.worked(gateway.name)
        return gateway_id


def route_from_settings() -> Route:
    """Make the route of the gateways that SMS_GATEWAY and CODE_WAYS name."""
    return Route(from_settings(), for_codes())
