"""The lists in /quan-tri/ behind the figures of a report: as many rows as the figure says."""

import datetime as dt

from django.urls import reverse
from django.utils.http import urlencode

from otp import office
from otp.codes.fates import ASKED_FOR, Fate

DAY = dt.timedelta(days=1)


def codes(*, first: dt.date, days: int = 1, fate: Fate | None = None, gateway: str = "") -> str:
    """Lead to the codes of some of the office's days."""
    query = {
        "local_day__gte": str(first),
        "local_day__lt": str(first + days * DAY),
        "purpose__in": ",".join(ASKED_FOR),
    }
    return _list("otp_code", query | _given(fate=fate, gateway=gateway))


def messages(*, since: dt.datetime, **exactly: str) -> str:
    """Lead to the messages since a time of which columns are `exactly` so."""
    query = {"created_at__gte": since.isoformat()}
    return _list("otp_message", query | {f"{name}__exact": each for name, each in exactly.items()})


def audit(*, first: dt.date, days: int = 1, event: str = "", **more: str) -> str:
    """Lead to the audit trail of some of the office's days."""
    query = {"at__gte": _start(first), "at__lt": _start(first + days * DAY)}
    return _list("accounts_auditevent", query | _given(event__exact=event, **more))


def _given(**query: str | None) -> dict[str, str]:
    return {name: str(value) for name, value in query.items() if value}


def _start(day: dt.date) -> str:
    return office.midnight(day).isoformat()


def _list(model: str, query: dict[str, str]) -> str:
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(query)}"
