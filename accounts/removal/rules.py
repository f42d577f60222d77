"""Removal lists: drawn up, thinned out, confirmed by somebody else, withdrawn, carried out."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app as procrastinate

from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, Removal, RemovalMember
from accounts.models.audit_event import Ground
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.removal.erasing import erase
from accounts.removal.obstacles import Reason, obstacles_of

Event, State = AuditEvent.Event, Removal.State
Outcome = RemovalMember.Outcome

CHUNK = 100  # accounts in one transaction
AT_ONCE = 20  # accounts for which nobody has to wait for the worker


def removable(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Keep the accounts that may be in a list: no staff, and in no other list that waits."""
    waiting = RemovalMember.objects.filter(outcome=Outcome.LISTED, account__isnull=False)
    return accounts.filter(is_staff=False, is_superuser=False).exclude(
        pk__in=waiting.values("account")
    )


def propose(accounts: QuerySet[Account], *, why: str, by: Account) -> Removal:
    """Draw up a list; raises `NotNow` where nobody would be in it.

    Who cannot be removed as things stand is named in it too, with what has to be done first.
    """
    expire()
    try:
        with transaction.atomic():
            return _draw_up(accounts, why, by)
    except IntegrityError:
        raise NotNow(_("Có tài khoản vừa được đưa vào danh sách khác. Hãy lập lại.")) from None


def _draw_up(accounts: QuerySet[Account], why: str, by: Account) -> Removal:
    people = list(removable(accounts).order_by("address"))
    obstacles = obstacles_of([account.pk for account in people])
    listed = [account for account in people if account.pk not in obstacles]
    if not listed:
        raise NotNow(_why_nobody(people, obstacles))
    removal = Removal.objects.create(why=why, proposed_by=by)
    RemovalMember.objects.bulk_create(
        (_member(removal, account, obstacles.get(account.pk, "")) for account in people),
        batch_size=1000,
    )
    detail = {"removal": removal.pk, "why": why}
    AuditEvent.record_many(
        Event.REMOVAL_PROPOSED, [(account, detail) for account in listed], actor=by
    )
    return removal


def _why_nobody(people: list[Account], obstacles: dict[int, RemovalMember.Reason]) -> str:
    if not people:
        return _("Không có tài khoản nào để xóa, hoặc đã có trong một danh sách đang chờ.")
    sentences = {str(obstacles[account.pk].label) for account in people}
    return " ".join(sorted(sentences))


def _member(removal: Removal, account: Account, obstacle: str) -> RemovalMember:
    return RemovalMember(
        removal=removal,
        account=account,
        unit_id=account.unit_id,
        last_login=account.last_login,
        password_changed_at=account.password_changed_at,
        was_locked=account.is_locked,
        was_active=account.is_active,
        outcome=Outcome.HELD if obstacle else Outcome.LISTED,
        reason=obstacle,
    )


def spare(member: RemovalMember, *, by: Account) -> None:
    """Take somebody out of a list that waits; raises `NotNow`."""
    with transaction.atomic():
        _locked(member.removal_id)
        listed = RemovalMember.objects.filter(pk=member.pk, outcome=Outcome.LISTED)
        if not listed.update(outcome=Outcome.SPARED):
            raise NotNow(_("Tài khoản này không còn trong danh sách."))
        AuditEvent.record(Event.REMOVAL_SPARED, member.account, actor=by, removal=member.removal_id)


def confirm(removal: Removal, *, by: Account) -> None:
    """Have the list carried out, by somebody other than who proposed it; raises `NotNow`."""
    with transaction.atomic():
        held = _locked(removal.pk)
        refuse_unfit(held, by)
        count = _listed(held).count()
        _decide(held, State.CONFIRMED, by)
        ground = Ground(why=held.why)
        AuditEvent.record(
            Event.REMOVAL_CONFIRMED, actor=by, ground=ground, removal=held.pk, count=count
        )
        procrastinate.configure_task(Removal.WORKED_OFF_BY).defer()


def refuse_unfit(removal: Removal, by: Account) -> None:
    """Raise `NotNow` where `by` cannot confirm the list as it stands."""
    if not removal.is_open:
        raise _decided()
    if by.pk == removal.proposed_by_id:
        raise NotNow(_("Người đề nghị không tự xác nhận được: cần một cán bộ khác."))
    if fault := fault_of(removal):
        raise NotNow(fault)


def fault_of(removal: Removal) -> str:
    """Say why nobody can confirm a list that waits, as it stands; "" where somebody can."""
    proposer = Account.objects.filter(pk=removal.proposed_by_id).first()
    if not (
        proposer
        and roles.still_may(proposer, Right.REMOVE_ACCOUNTS)
        and within(roles.units_of(proposer)).filter(pk=removal.pk).exists()
    ):
        return _(
            "Người đề nghị không còn quyền làm việc này: hãy rút lại đề nghị rồi lập đề nghị mới."
        )
    if not _listed(removal).exists():
        return _("Danh sách không còn ai: hãy rút lại đề nghị này.")
    return ""


def _listed(removal: Removal) -> QuerySet[RemovalMember]:
    return removal.members.filter(outcome=Outcome.LISTED)


def withdraw(removal: Removal, *, by: Account) -> None:
    """Take back a list that waits; raises `NotNow` where it was decided already."""
    with transaction.atomic():
        held = _locked(removal.pk)
        _decide(held, State.WITHDRAWN, by)
        _drop(held, by=by)


def expire() -> int:
    """Drop the lists that nobody confirmed in time. Say how many."""
    with transaction.atomic():
        late = list(Removal.objects.overdue().select_for_update())
        for removal in late:
            removal.state = State.EXPIRED
            removal.save(update_fields=["state"])
            _drop(removal, by=None)
    return len(late)


def run() -> dict[RemovalMember.Outcome, int]:
    """Carry out whatever was confirmed; say what became of how many. May run twice at once."""
    counts = dict.fromkeys((Outcome.REMOVED, Outcome.CHANGED, Outcome.HELD), 0)
    for removal in Removal.objects.filter(state=State.CONFIRMED).order_by("pk"):
        for outcome in carry_out(removal):
            counts[outcome] += 1
    return counts


def carry_out(removal: Removal) -> list[RemovalMember.Outcome]:
    """Remove who is in a confirmed list, a few in each transaction; give what became of each."""
    outcomes: list[RemovalMember.Outcome] = []
    while some := _remove_some(removal.pk):
        outcomes += some
    return outcomes


def _remove_some(pk: int) -> list[RemovalMember.Outcome]:
    with transaction.atomic():
        confirmed = Removal.objects.select_for_update().filter(state=State.CONFIRMED)
        removal = confirmed.filter(pk=pk).first()
        if removal is None:
            return []
        members = list(removal.members.filter(outcome=Outcome.LISTED).order_by("account")[:CHUNK])
        if not members:
            removal.state = State.DONE
            removal.save(update_fields=["state"])
            return []
        _decide_each(members)
        gone = [member for member in members if member.outcome == Outcome.REMOVED]
        keys = [member.account_id for member in gone if member.account_id]
        # Before they are erased: a member that is saved afterwards would bring its account back.
        RemovalMember.objects.bulk_update(members, ["outcome", "reason"])
        if keys:
            erase(keys, removal)
    return [Outcome(member.outcome) for member in members]


def _decide_each(members: Iterable[RemovalMember]) -> None:
    """Lock the accounts, and say of each whether it goes: it must stand as it stood."""
    keys = [member.account_id for member in members if member.account_id]
    locked = Account.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    accounts = {account.pk: account for account in locked}
    obstacles = obstacles_of(keys)
    for member in members:
        account = accounts.get(member.account_id or 0)
        member.outcome, member.reason = Outcome.REMOVED, ""
        if account is None:
            member.outcome = Outcome.DROPPED
        elif change := _change_since(member, account):
            member.outcome, member.reason = Outcome.CHANGED, change
        elif obstacle := obstacles.get(account.pk):
            member.outcome, member.reason = Outcome.HELD, obstacle


def _change_since(member: RemovalMember, account: Account) -> str:
    """Name what has happened to an account since the list was drawn up; "" where nothing has."""
    changes = {
        Reason.LOGGED_IN: account.last_login != member.last_login,
        Reason.PASSWORD: account.password_changed_at != member.password_changed_at,
        Reason.UNLOCKED: member.was_locked and not account.is_locked,
        Reason.OPENED: account.is_active and not member.was_active,
    }
    return next((reason for reason, is_so in changes.items() if is_so), "")


def _locked(pk: int) -> Removal:
    removal = Removal.objects.open().select_for_update().filter(pk=pk).first()
    if removal is None:
        raise _decided()
    return removal


def _decided() -> NotNow:
    return NotNow(_("Đề nghị này đã được quyết định hoặc đã quá hạn."))


def _decide(removal: Removal, state: Removal.State, by: Account) -> None:
    removal.state, removal.decided_by, removal.decided_at = state, by, timezone.now()
    removal.save(update_fields=["state", "decided_by", "decided_at"])


def _drop(removal: Removal, *, by: Account | None) -> None:
    listed = removal.members.filter(outcome=Outcome.LISTED)
    people = list(Account.objects.filter(pk__in=listed.values("account")))
    listed.update(outcome=Outcome.DROPPED)
    detail = {"removal": removal.pk}
    AuditEvent.record_many(
        Event.REMOVAL_WITHDRAWN, [(account, detail) for account in people], actor=by
    )


def within(units: set[int] | None) -> QuerySet[Removal]:
    """Give the lists of which every account is in `units`; None: all."""
    if units is None:
        return Removal.objects.all()
    elsewhere = RemovalMember.objects.exclude(
        Q(account__unit__in=units) | Q(account=None, unit__in=units)
    )
    return Removal.objects.exclude(pk__in=elsewhere.values("removal"))
