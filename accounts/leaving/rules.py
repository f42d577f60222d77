"""Departures: planned, done when their day is over, called off."""

import datetime as dt

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, Departure
from accounts.models.audit_event import Ground
from accounts.organisation import roles
from otp import codes, office

NOT_THEIRS = gettext_lazy(
    "Không có tài khoản này trong phạm vi của bạn. Nếu là cán bộ hỗ trợ, hãy đề nghị người vận"
    " hành máy chủ cho thôi vai trò trước."
)
NO_MAILBOX = gettext_lazy("Chỉ chuyển đến hộp thư loại tổ chức đang sử dụng. Hãy xem lại địa chỉ.")


def plan(
    account: Account,
    *,
    last_day: dt.date,
    forward_to: Account | None,
    forward_days: int,
    sentence: str,
    why: str,
    by: Account,
) -> Departure:
    """Enter that somebody leaves; where the day is over, the account is shut at once.

    Raises `NotNow` where a departure of the account stands already, or where one of the two
    accounts has changed since it was chosen.
    """
    with transaction.atomic():
        _refuse_unfit(account, forward_to, by)
        departure = Departure.objects.create(
            account=account,
            last_day=last_day,
            forward_to=forward_to,
            forward_days=forward_days if forward_to else 0,
            sentence=sentence,
            why=why,
            planned_by=by,
        )
        AuditEvent.record(
            AuditEvent.Event.DEPARTURE_PLANNED,
            account,
            actor=by,
            ground=Ground(why=why),
            last_day=last_day.isoformat(),
            forwards=forward_to is not None,
        )
    if last_day < office.today():
        shut(departure.pk)
    return departure


def _refuse_unfit(account: Account, forward_to: Account | None, by: Account) -> None:
    """Lock both accounts by the order of their keys, as removals do; raises `NotNow`."""
    keys = [each.pk for each in (account, forward_to) if each]
    rows = Account.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    held = {row.pk: row for row in rows}
    leaving = held.get(account.pk)
    if leaving is None or leaving.is_staff or not roles.covers(by, leaving):
        raise NotNow(str(NOT_THEIRS))
    if forward_to and not _takes_mail(held.get(forward_to.pk)):
        raise NotNow(str(NO_MAILBOX))
    if Departure.objects.standing().filter(account=leaving).exists():
        raise NotNow(_("Tài khoản này đã có ngày nghỉ việc. Hãy hủy ngày đó rồi ghi lại."))


def _takes_mail(mailbox: Account | None) -> bool:
    return bool(mailbox and mailbox.kind == Account.Kind.ORGANISATION and mailbox.is_active)


def run() -> int:
    """Shut the accounts whose last day is over; say how many. May run twice at once."""
    due = list(Departure.objects.due(office.today()).values_list("pk", flat=True))
    return sum(map(shut, due))


def shut(pk: int) -> bool:
    """Shut the account of one departure, once: sessions, mail sessions and codes end with it."""
    with transaction.atomic():
        # The account before its departure, as everywhere.
        leaving = Departure.objects.filter(pk=pk).values("account")
        account = Account.objects.select_for_update().filter(pk__in=leaving).first()
        departure = Departure.objects.select_for_update().due(office.today()).filter(pk=pk).first()
        if account is None or departure is None:
            return False
        departure.found_open = account.is_active
        account.is_active = False
        account.new_phone = ""
        account.save(update_fields=["is_active", "new_phone"])
        account.end_sessions()
        end_mail_sessions(account)
        codes.revoke(account.address)
        departure.shut_at = timezone.now()
        departure.save(update_fields=["shut_at", "found_open"])
        AuditEvent.record(
            AuditEvent.Event.LEFT, account, actor=departure.planned_by, reason="departure"
        )
    return True


def call_off(departure: Departure, *, by: Account) -> bool:
    """Call a departure off, and open the account again where it shut it; False if it was off.

    What was closed by somebody before stays closed.
    """
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=departure.account_id)
        standing = Departure.objects.standing().select_for_update().filter(pk=departure.pk).first()
        if standing is None:
            return False
        standing.called_off_at = timezone.now()
        standing.save(update_fields=["called_off_at"])
        if standing.shut_at and standing.found_open and not account.is_active:
            account.is_active = True
            account.save(update_fields=["is_active"])
        AuditEvent.record(AuditEvent.Event.DEPARTURE_CALLED_OFF, account, actor=by)
    return True
