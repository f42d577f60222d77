"""A new number for somebody who lost both SIM and password: two people of the staff (AD-09)."""

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import notices
from accounts.desk import NotNow
from accounts.models import Account, AuditEvent, PhoneProposal
from accounts.phone import put_in_force
from otp import phones
from otp.outbox import NUMBER_DIGITS

State = PhoneProposal.State


def propose(
    account: Account, phone: str, *, evidence: str, ticket: str, by: Account
) -> PhoneProposal:
    """Propose `phone` for `account`; raises `NotNow` while another proposal waits."""
    if phone == account.phone and account.phone_is_in_force:
        raise NotNow(_("Tài khoản đang dùng chính số này, không cần đổi."))
    with transaction.atomic():
        # One that nobody decided in time makes room.
        PhoneProposal.objects.filter(
            account=account, state=State.OPEN, proposed_at__lte=Now() - PhoneProposal.LIFE
        ).update(state=State.DECLINED, phone="")
        try:
            with transaction.atomic():
                proposal = PhoneProposal.objects.create(
                    account=account,
                    phone=phone,
                    phone_masked=phones.mask(phone, NUMBER_DIGITS),
                    evidence=evidence,
                    ticket=ticket,
                    proposed_by=by,
                )
        except IntegrityError:
            raise NotNow(_("Đã có một đề nghị đổi số đang chờ duyệt cho tài khoản này.")) from None
        _record(AuditEvent.Event.PHONE_PROPOSED, proposal, by)
    return proposal


def approve(proposal: PhoneProposal, *, by: Account) -> None:
    """Put the proposed number in force, by somebody other than the one who proposed it.

    The number before, the new one and the mailbox are told. Raises `NotNow`.
    """
    with transaction.atomic():
        proposal = _locked(proposal)
        if by in (proposal.proposed_by, proposal.account):
            raise NotNow(_("Người đề nghị không tự duyệt được: cần một cán bộ khác."))
        account = Account.objects.select_for_update().get(pk=proposal.account_id)
        put_in_force(account, proposal.phone, by=by)
        _decide(proposal, State.APPROVED, by)
        _record(AuditEvent.Event.PHONE_APPROVED, proposal, by)
        notices.phone_given(account)


def decline(proposal: PhoneProposal, *, by: Account) -> None:
    """Turn the proposal down, or take it back; raises `NotNow` where it was decided already."""
    with transaction.atomic():
        proposal = _locked(proposal)
        _decide(proposal, State.DECLINED, by)
        _record(AuditEvent.Event.PHONE_DECLINED, proposal, by)


def _locked(proposal: PhoneProposal) -> PhoneProposal:
    found = PhoneProposal.objects.open().select_for_update().filter(pk=proposal.pk).first()
    if found is None:
        raise NotNow(_("Đề nghị này đã được quyết định hoặc đã quá hạn."))
    return found


def _decide(proposal: PhoneProposal, state: PhoneProposal.State, by: Account) -> None:
    proposal.state, proposal.phone = state, ""
    proposal.decided_by, proposal.decided_at = by, timezone.now()
    proposal.save(update_fields=["state", "phone", "decided_by", "decided_at"])


def _record(event: AuditEvent.Event, proposal: PhoneProposal, by: Account) -> None:
    account = proposal.account
    AuditEvent.record(
        event,
        account.address,
        account=account,
        actor=by,
        why=proposal.evidence,
        ticket=proposal.ticket,
        phone=proposal.phone_masked,
    )
