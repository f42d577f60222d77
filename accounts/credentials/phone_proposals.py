"""A new number for somebody who lost both SIM and password: two people of the staff (AD-09)."""

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.credentials import notices
from accounts.credentials.phones import put_in_force
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, PhoneProposal
from accounts.models.right import Right
from accounts.organisation import roles
from otp import phones

State = PhoneProposal.State


def propose(
    account: Account, phone: str, *, evidence: str, ticket: str, by: Account
) -> PhoneProposal:
    """Propose `phone` for `account`; raises `NotNow` while another proposal can be approved."""
    if phone == account.phone and account.phone_is_in_force:
        raise NotNow(_("Tài khoản đang dùng chính số này, không cần đổi."))
    with transaction.atomic():
        # Looked for first: an INSERT that is refused stands in PostgreSQL's log, number and all.
        Account.objects.select_for_update().get(pk=account.pk)
        expire()
        waiting = PhoneProposal.objects.filter(account=account, state=State.OPEN)
        if any(not fault_of(each) for each in waiting.select_for_update()):
            raise NotNow(_("Đã có một đề nghị đổi số đang chờ duyệt cho tài khoản này."))
        _drop(waiting, State.DECLINED, reason="replaced")
        proposal = PhoneProposal.objects.create(
            account=account,
            phone=phone,
            phone_masked=phones.masked_for_staff(phone),
            evidence=evidence,
            ticket=ticket,
            proposed_by=by,
        )
        _record(AuditEvent.Event.PHONE_PROPOSED, proposal, by)
    return proposal


def approve(proposal: PhoneProposal, *, by: Account) -> None:
    """Put the proposed number in force, by somebody other than the one who proposed it.

    The number before, the new one and the mailbox are told. Raises `NotNow`.
    """
    with transaction.atomic():
        # The account before what is proposed for it, as `drop_for` has it.
        account = Account.objects.select_for_update().get(pk=proposal.account_id)
        proposal = _locked(proposal)
        proposal.account = account
        _refuse_unfit(proposal, by)
        phone = proposal.phone
        _decide(proposal, State.APPROVED, by)
        put_in_force(account, phone, by=by)
        _record(AuditEvent.Event.PHONE_APPROVED, proposal, by)
        notices.phone_given(account)


def decline(proposal: PhoneProposal, *, by: Account) -> None:
    """Turn the proposal down, or take it back; raises `NotNow` where it was decided already."""
    with transaction.atomic():
        proposal = _locked(proposal)
        _decide(proposal, State.DECLINED, by)
        _record(AuditEvent.Event.PHONE_DECLINED, proposal, by)


def expire() -> int:
    """Forget the numbers that nobody decided on in time. Give how many there were."""
    with transaction.atomic():
        late = PhoneProposal.objects.select_for_update().filter(
            state=State.OPEN, proposed_at__lte=Now() - PhoneProposal.LIFE
        )
        return _drop(late, State.EXPIRED, reason="expired")


def drop_for(account: Account) -> None:
    """Drop what waits for `account`, whose owner has acted (PR-04); part of the caller's work."""
    waiting = PhoneProposal.objects.select_for_update().filter(state=State.OPEN)
    _drop(waiting.filter(account=account), State.DECLINED, reason="overtaken")


def drop_by(staff: Account) -> None:
    """Drop what `staff` proposed, whose role has ended; part of the caller's work."""
    waiting = PhoneProposal.objects.select_for_update().filter(state=State.OPEN)
    _drop(waiting.filter(proposed_by=staff), State.DECLINED, reason="dismissed")


def _drop(proposals: "QuerySet[PhoneProposal]", state: PhoneProposal.State, *, reason: str) -> int:
    dropped = list(proposals.select_related("account"))
    for proposal in dropped:
        proposal.state, proposal.phone = state, ""
        proposal.decided_at = timezone.now()
        proposal.save(update_fields=["state", "phone", "decided_at"])
        _record(AuditEvent.Event.PHONE_DECLINED, proposal, None, reason=reason)
    return len(dropped)


def fault_of(proposal: PhoneProposal) -> str:
    """Say why nobody can approve what was proposed, as things stand; "" where somebody can."""
    proposer, account = proposal.proposed_by, proposal.account
    if not (roles.still_may(proposer, Right.PROPOSE_PHONE) and roles.covers(proposer, account)):
        return roles.no_longer()
    acted = [account.phone_changed_at, account.password_changed_at]
    if any(at and at > proposal.proposed_at for at in acted):
        return _(
            "Chủ tài khoản đã tự đổi số hoặc mật khẩu sau khi có đề nghị này: hãy bấm “Không"
            " duyệt”."
        )
    return ""


def _refuse_unfit(proposal: PhoneProposal, by: Account) -> None:
    if by in (proposal.proposed_by, proposal.account):
        raise NotNow(_("Người đề nghị không tự duyệt được: cần một cán bộ khác."))
    if fault := fault_of(proposal):
        raise NotNow(fault)


def _locked(proposal: PhoneProposal) -> PhoneProposal:
    found = PhoneProposal.objects.open().select_for_update().filter(pk=proposal.pk).first()
    if found is None:
        raise NotNow(_("Đề nghị này đã được quyết định hoặc đã quá hạn."))
    return found


def _decide(proposal: PhoneProposal, state: PhoneProposal.State, by: Account) -> None:
    proposal.state, proposal.phone = state, ""
    proposal.decided_by, proposal.decided_at = by, timezone.now()
    proposal.save(update_fields=["state", "phone", "decided_by", "decided_at"])


def _record(
    event: AuditEvent.Event, proposal: PhoneProposal, by: Account | None, reason: str = ""
) -> None:
    account = proposal.account
    AuditEvent.record(
        event,
        account,
        actor=by,
        reason=reason,
        why=proposal.evidence,
        ticket=proposal.ticket,
        phone=proposal.phone_masked,
    )
