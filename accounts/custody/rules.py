"""Who is responsible for an organisation's mailbox: named, and handed over."""

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import directory
from accounts.audit.preparations import changes_by
from accounts.credentials import (
    app_passwords,
    factor_proposals,
    notices,
    phone_proposals,
    second_factor,
)
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, Custody
from otp import codes

Event = AuditEvent.Event

_TAKEN = (
    *("password", "has_default_password", "default_password_until", "phone", "old_phone"),
    *("new_phone", "phone_confirmed_at", "phone_doubted_at", "phone_changed_at"),
)


def entrust(
    mailbox: Account, *, responsible: Account, deputy: Account | None, decision: str, by: Account
) -> bool:
    """Make somebody responsible for a mailbox, by a decision; say whether it was a hand-over.

    Where somebody else was responsible before, it is: every session ends, the password and the
    mailbox's own number are taken away, and the new one gets in by a code and chooses a password.
    The mailbox and all whom it concerns are told. Raises `NotNow`.
    """
    with transaction.atomic():
        held = _hold(filter(None, (mailbox, responsible, deputy)))
        _refuse_unfit(held.get(mailbox.pk), responsible, deputy, by)
        responsible = _fit(responsible, held)
        deputy = _fit(deputy, held) if deputy else None
        _refuse_unreached(responsible)
        mailbox = held[mailbox.pk]
        before = Custody.objects.select_for_update().filter(mailbox=mailbox).first()
        handed_over = before is not None and before.responsible_id != responsible.pk
        told = {each for each in (before and before.responsible, responsible, deputy) if each}
        custody, _made = Custody.objects.update_or_create(
            mailbox=mailbox,
            defaults={
                "responsible": responsible,
                "deputy": deputy,
                "decision": decision,
                "since": timezone.now(),
            },
        )
        mailbox.custody = custody
        if handed_over:
            _take_away(mailbox, by=by)
        AuditEvent.record(
            Event.MAILBOX_HANDED_OVER if handed_over else Event.MAILBOX_ENTRUSTED,
            mailbox,
            actor=by,
            decision=decision,
            before=before.responsible_id if before else None,
            responsible=responsible.pk,
            deputy=deputy.pk if deputy else None,
        )
        people = sorted(told, key=lambda each: each.address)
        notices.custody_changed(mailbox, people=people, handed_over=handed_over)
    return handed_over


def _hold(accounts: Iterable[Account]) -> dict[int, Account]:
    """Lock accounts by the order of their keys, as removals do; who is removed is not given."""
    keys = [account.pk for account in accounts]
    rows = Account.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    return {account.pk: account for account in rows}


def _refuse_unfit(
    mailbox: Account | None, responsible: Account, deputy: Account | None, by: Account
) -> None:
    if mailbox is None or mailbox.kind != Account.Kind.ORGANISATION or mailbox.is_staff:
        raise NotNow(_("Chỉ hộp thư của tổ chức mới có người phụ trách."))
    if changes_by(by, "kind").filter(account=mailbox).exists():
        # Else one member of staff could give away anybody's mailbox as an organisation's (AD-09).
        raise NotNow(_("Bạn đã đổi loại của hộp thư này: cần một cán bộ khác ghi người phụ trách."))
    if responsible == deputy:
        raise NotNow(_("Người phụ trách và người thay phải là hai người khác nhau."))
    if by in (responsible, deputy):
        # Else one member of staff could have a mailbox's codes sent to their own phone (AD-09).
        raise NotNow(_("Không tự giao hộp thư cho mình: cần một cán bộ khác làm việc này."))


def _fit(chosen: Account, held: Mapping[int, Account]) -> Account:
    """Give somebody chosen as they stand now that they are held; raises `NotNow`."""
    person = held.get(chosen.pk)
    if person is None or person.kind != Account.Kind.PERSON or not person.may_log_in:
        words = {"address": chosen.address}
        raise NotNow(
            _("%(address)s không phải tài khoản cá nhân đang dùng được. Hãy chọn người khác.")
            % words
        )
    return person


def _refuse_unreached(responsible: Account) -> None:
    if not responsible.phone_is_in_force:
        raise NotNow(
            _(
                "Người phụ trách chưa có số điện thoại đã xác thực nên không nhận được mã của hộp"
                " thư. Hãy đề nghị người đó xác thực số trước."
            )
        )


def _take_away(mailbox: Account, *, by: Account) -> None:
    """Take the mailbox from whoever had it: password, number, factor, sessions, codes."""
    if directory.is_in_charge() and not mailbox.has_usable_password():
        # The password is the directory's: the mailbox stays shut until there is a new one.
        mailbox.has_default_password, mailbox.default_password_until = True, timezone.now()
    else:
        mailbox.set_unusable_password()
        mailbox.has_default_password = False
    mailbox.phone = mailbox.old_phone = mailbox.new_phone = ""
    mailbox.phone_confirmed_at = mailbox.phone_doubted_at = mailbox.phone_changed_at = None
    mailbox.save(update_fields=_TAKEN)
    mailbox.end_sessions()
    end_mail_sessions(mailbox)
    codes.revoke(mailbox.address)
    phone_proposals.drop_for(mailbox)
    factor_proposals.drop_for(mailbox)
    app_passwords.end_all(mailbox, actor=by)
    second_factor.take_away(mailbox)
