"""The people of a removal list, as its page shows them."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import RemovalMember
from accounts.models.phone_state import PhoneState, confirmed_too_long_ago, state_of
from accounts.organisation.units import unit_name


@dataclass(frozen=True)
class Line:
    """One account of the list; without name and address once it is removed."""

    pk: int
    address: str
    full_name: str
    unit: str
    last_login: dt.datetime | None
    phone: str
    outcome: str
    reason: str
    is_listed: bool


def lines(members: Iterable[RemovalMember]) -> list[Line]:
    since = confirmed_too_long_ago()
    return [_line(member, since) for member in members]


def _line(member: RemovalMember, since: dt.datetime | None) -> Line:
    account = member.account
    phone = ""
    if account:
        phone = str(PhoneState(state_of(account, since)).label)
    return Line(
        pk=member.pk,
        address=account.address if account else _("(đã xóa)"),
        full_name=account.full_name if account else "",
        unit=unit_name(member.unit),
        last_login=account.last_login if account else None,
        phone=phone,
        outcome=str(RemovalMember.Outcome(member.outcome).label),
        reason=member.get_reason_display(),
        is_listed=member.outcome == RemovalMember.Outcome.LISTED,
    )
