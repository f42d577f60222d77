"""The second factor taken from who lost app and recovery codes: two people of the staff."""

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.credentials import notices, second_factor
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, FactorProposal
from accounts.models.audit_event import Ground
from accounts.models.right import Right
from accounts.organisation import roles

State = FactorProposal.State


def propose(account: Account, *, actor: Account, ground: Ground) -> FactorProposal:
    """Propose to take the factor away; the mailbox is told, so that its owner may object.

    Raises `NotNow` where there is no factor, or another proposal can be approved.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        expire()
        if account.is_staff or not second_factor.is_enrolled(account):
            raise NotNow(_("Tài khoản này không bật xác thực hai lớp."))
        waiting = FactorProposal.objects.filter(account=account, state=State.OPEN)
        if any(not fault_of(each) for each in waiting.select_for_update()):
            raise NotNow(_("Đã có một đề nghị bỏ xác thực hai lớp đang chờ duyệt."))
        _drop(waiting, State.DECLINED, reason="replaced")
        proposal = FactorProposal.objects.create(
            account=account, evidence=ground.why, ticket=ground.ticket, proposed_by=actor
        )
        AuditEvent.record(AuditEvent.Event.FACTOR_PROPOSED, account, actor=actor, ground=ground)
        notices.factor_removal_proposed(account)
    return proposal


def approve(proposal: FactorProposal, *, by: Account) -> None:
    """Take the factor away, by somebody other than who proposed it. Raises `NotNow`."""
    with transaction.atomic():
        # The account before what is proposed for it, as `drop_for` has it.
        account = Account.objects.select_for_update().get(pk=proposal.account_id)
        proposal = _locked(proposal)
        proposal.account = account
        _refuse_unfit(proposal, by)
        _decide(proposal, State.APPROVED, by)
        ground = Ground(proposal.evidence, proposal.ticket)
        second_factor.reset(account, actor=by, ground=ground)


def decline(proposal: FactorProposal, *, by: Account) -> None:
    """Turn the proposal down, or take it back; raises `NotNow` where it was decided already."""
    with transaction.atomic():
        proposal = _locked(proposal)
        _decide(proposal, State.DECLINED, by)
        _record_decline(proposal, by)


def expire() -> int:
    """End the proposals that nobody decided on in time. Give how many there were."""
    with transaction.atomic():
        late = FactorProposal.objects.filter(proposed_at__lte=Now() - FactorProposal.LIFE)
        return _drop(late, State.EXPIRED, reason="expired")


def drop_for(account: Account) -> None:
    """Drop what waits for `account`, whose owner has acted; part of the caller's work."""
    _drop(FactorProposal.objects.filter(account=account), State.DECLINED, reason="overtaken")


def drop_by(staff: Account) -> None:
    """Drop what `staff` proposed, whose role has ended; part of the caller's work."""
    _drop(FactorProposal.objects.filter(proposed_by=staff), State.DECLINED, reason="dismissed")


def _drop(chosen: "QuerySet[FactorProposal]", state: FactorProposal.State, *, reason: str) -> int:
    dropped = list(chosen.filter(state=State.OPEN).select_for_update())
    for proposal in dropped:
        _decide(proposal, state, None)
        _record_decline(proposal, None, reason=reason)
    return len(dropped)


def fault_of(proposal: FactorProposal) -> str:
    """Say why nobody can approve what was proposed, as things stand; "" where somebody can."""
    proposer, account = proposal.proposed_by, proposal.account
    if not (roles.still_may(proposer, Right.PROPOSE_PHONE) and roles.covers(proposer, account)):
        return roles.no_longer()
    if account.is_staff or not second_factor.is_enrolled(account):
        return _("Tài khoản này không còn bật xác thực hai lớp: hãy bấm “Không duyệt”.")
    return ""


def _refuse_unfit(proposal: FactorProposal, by: Account) -> None:
    if by in (proposal.proposed_by, proposal.account):
        raise NotNow(_("Người đề nghị không tự duyệt được: cần một cán bộ khác."))
    if fault := fault_of(proposal):
        raise NotNow(fault)


def _locked(proposal: FactorProposal) -> FactorProposal:
    found = FactorProposal.objects.open().select_for_update().filter(pk=proposal.pk).first()
    if found is None:
        raise NotNow(_("Đề nghị này đã được quyết định hoặc đã quá hạn."))
    return found


def _decide(proposal: FactorProposal, state: FactorProposal.State, by: Account | None) -> None:
    proposal.state, proposal.decided_by, proposal.decided_at = state, by, timezone.now()
    proposal.save(update_fields=["state", "decided_by", "decided_at"])


def _record_decline(proposal: FactorProposal, by: Account | None, reason: str = "") -> None:
    AuditEvent.record(
        AuditEvent.Event.FACTOR_DECLINED,
        proposal.account,
        actor=by,
        reason=reason,
        why=proposal.evidence,
        ticket=proposal.ticket,
    )
