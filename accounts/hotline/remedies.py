"""Extra code, reopened recovery, ended sessions, whole number: each with a ground, on record."""

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.credentials import extra_codes, locks, second_factor
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, DailyHelp
from accounts.models.audit_event import Ground
from accounts.models.right import Right
from accounts.organisation import roles
from otp import codes, office, phones
from otp.codes import status
from otp.codes.fates import ASKED_FOR

Event = AuditEvent.Event


def may_help(staff: Account, account: Account, right: Right) -> bool:
    """Whether `staff` may do to `account` what `right` permits.

    Nobody helps themselves, and a colleague is helped only by those who look after the staff: an
    account that can help others is worth more than a mailbox (AD-04).
    """
    if staff == account or not staff.has_perm(right) or not roles.covers(staff, account):
        return False
    if account.is_superuser:
        return staff.is_superuser
    return not account.is_staff or staff.has_perm(Right.RESET_FACTOR)


def helped_by(staff: Account) -> Q:
    """Keep the rows of whom `may_help` lets `staff` help, where rights and units are seen to."""
    others = ~Q(account=staff)
    if not staff.is_superuser:
        others &= Q(account__is_superuser=False)
    return others if staff.has_perm(Right.RESET_FACTOR) else others & Q(account__is_staff=False)


@sensitive_variables()
def give_extra_code(account: Account, *, actor: Account, ground: Ground) -> str:
    """Let one more code be asked for today, by whoever is told the word that this gives (AD-10).

    Raises `NotNow`.
    """
    return extra_codes.grant(account, actor=actor, ground=ground)


def lock(account: Account, *, actor: Account, ground: Ground) -> None:
    if not locks.lock(account, actor=actor, ground=ground):
        raise NotNow(_("Tài khoản đã bị khóa từ trước."))


def unlock(account: Account, *, actor: Account, ground: Ground) -> None:
    """Unlock an account that is in use; raises `NotNow`."""
    if not account.is_active:
        raise NotNow(
            _("Tài khoản đã ngừng sử dụng nên mở khóa không có ích: trước hết phải mở lại.")
        )
    if not locks.unlock(account, actor=actor, ground=ground):
        raise NotNow(_("Tài khoản không bị khóa."))


def reopen_recovery(account: Account, *, actor: Account, ground: Ground) -> None:
    """Forget the wrong guesses that closed the recovery, once a day; raises `NotNow`.

    The day's codes stay counted.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        if not any(
            status.status_of(account.address, purpose).closed_until for purpose in ASKED_FOR
        ):
            raise NotNow(_("Việc lấy lại mật khẩu đang mở, không cần mở lại."))
        if not _once_a_day(account, DailyHelp.Kind.REOPENING):
            raise NotNow(_("Hôm nay tài khoản này đã được mở lại một lần rồi."))
        for purpose in ASKED_FOR:
            codes.reopen(account.address, purpose)
        AuditEvent.record(Event.RECOVERY_REOPENED, account, actor=actor, ground=ground)


def end_sessions(account: Account, *, actor: Account, ground: Ground) -> None:
    """End every session of the account."""
    with transaction.atomic():
        account.end_sessions()
        end_mail_sessions(account)
        AuditEvent.record(Event.SESSIONS_CUT, account, actor=actor, ground=ground)


def reset_factor(account: Account, *, actor: Account, ground: Ground) -> None:
    if not account.is_staff:
        raise NotNow(_("Tài khoản này không phải của cán bộ, không có xác thực hai lớp."))
    second_factor.reset(account, actor=actor, ground=ground)


def reveal_phone(account: Account, *, actor: Account, ground: Ground) -> str:
    """Give the whole number as people write it; on record before it is shown (AD-07)."""
    AuditEvent.record(Event.PHONE_REVEALED, account, actor=actor, ground=ground)
    return phones.national(account.phone)


def _once_a_day(account: Account, kind: DailyHelp.Kind) -> bool:
    day = office.today()
    return DailyHelp.objects.get_or_create(account=account, kind=kind, local_day=day)[1]
