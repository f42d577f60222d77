"""Requests of people about their data: made with a day until which they are due, answered by IT."""

import datetime as dt
from collections.abc import Iterator

from django.conf import settings
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.credentials import notices
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, DataRequest
from otp import office
from otp.counting import limits
from otp.counting.limits import Limit

# Of one person, whatever became of them: IT has to answer each.
REQUESTS = Limit("data-requests", 10, dt.timedelta(days=30))

SOON = dt.timedelta(days=2)  # before a request is due: then IT is told of it each day

State = DataRequest.State


def days_for(kind: str) -> int:
    """Say how many days the office has to answer a request, as its profile says."""
    return int(getattr(settings.PROFILE.privacy, f"{kind}_days"))


def make(account: Account, *, kind: str, text: str) -> DataRequest:
    """Enter a request, and tell its owner at once that it has arrived and until when it is due.

    The day of the request is not counted. Raises `NotNow` where one of the kind is open, or where
    there were too many.
    """
    due_on = office.today() + dt.timedelta(days=days_for(kind))
    try:
        with transaction.atomic():
            # A request that is refused gives its charge back with the transaction.
            _charge(account)
            made = DataRequest.objects.create(account=account, kind=kind, text=text, due_on=due_on)
            event = AuditEvent.Event.DATA_REQUESTED
            AuditEvent.record(event, account, actor=account, kind=kind, due=due_on.isoformat())
            notices.data_requested(account, made)
    except IntegrityError:
        if not Account.objects.filter(pk=account.pk).exists():
            raise SessionInterrupted("The account was removed meanwhile.") from None
        sentence = _("Bạn đã gửi một yêu cầu như vậy và đang chờ trả lời. Hãy rút lại rồi gửi lại.")
        raise NotNow(sentence) from None
    return made


def withdraw(account: Account, pk: int) -> bool:
    """Take back a request of one's own; False where it is not open any more."""
    with transaction.atomic():
        own = DataRequest.objects.open().filter(account=account, pk=pk)
        withdrawn = own.update(state=State.WITHDRAWN, closed_at=timezone.now())
        if withdrawn:
            AuditEvent.record(AuditEvent.Event.DATA_REQUEST_WITHDRAWN, account, actor=account)
    return bool(withdrawn)


def answer(asked: DataRequest, *, outcome: str, text: str, by: Account) -> None:
    """Answer a request, once, and tell its owner; raises `NotNow`."""
    if asked.account_id == by.pk:
        raise NotNow(_("Yêu cầu của chính bạn do một cán bộ khác trả lời."))
    with transaction.atomic():
        waiting = DataRequest.objects.select_for_update().select_related("account")
        found = waiting.open().filter(pk=asked.pk).first()
        if found is None:
            raise NotNow(_("Yêu cầu này đã được trả lời hoặc đã được rút lại."))
        found.state, found.answer, found.answered_by = State(outcome), text, by
        found.closed_at = timezone.now()
        found.save(update_fields=["state", "answer", "answered_by", "closed_at"])
        event = AuditEvent.Event.DATA_REQUEST_ANSWERED
        AuditEvent.record(event, found.account, actor=by, kind=found.kind, outcome=outcome)
        notices.data_request_answered(found.account, found)


def due_soon() -> Iterator[str]:
    """Say to IT that requests are overdue, or will be soon."""
    count = DataRequest.objects.due_by(office.today() + SOON).count()
    if count:
        yield _(
            "%(count)d yêu cầu về dữ liệu cá nhân đã quá hạn hoặc sắp đến hạn trả lời (xem Quản"
            " trị, mục Yêu cầu về dữ liệu cá nhân)"
        ) % {"count": count}


def forget_old() -> int:
    """Delete requests that were closed as long ago as the audit trail is kept; say how many."""
    before = timezone.now() - dt.timedelta(days=settings.AUDIT_RETENTION_DAYS)
    return DataRequest.objects.filter(closed_at__lt=before).delete()[0]


def _charge(account: Account) -> None:
    charge = limits.charge(REQUESTS, account.address)
    if not charge.granted:
        until = date_format(timezone.localtime(charge.until), "DATETIME_FORMAT")
        number = settings.PROFILE.hotline.number
        raise NotNow(
            _(
                "Bạn đã gửi nhiều yêu cầu. Gửi được tiếp từ %(until)s; nếu cần gấp, hãy gọi"
                " %(number)s."
            )
            % {"until": until, "number": number}
        )
