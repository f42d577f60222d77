"""Every rule of a campaign: planned, started, warned, locked with IT's consent, stopped.

Whoever changes a campaign or its members holds the campaign's row. So two runs take turns, a stop
waits for the batch at hand and nothing follows it, and a batch that dies leaves no trace.

The list of people is drawn up when IT starts the campaign, as IT saw it. Whoever gets a default
password later is in no list, is neither warned nor locked, and waits for the next campaign.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Collection, Iterable

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.credentials import notices
from accounts.credentials.locks import lock
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent, Ground
from accounts.models.campaign import WARNED_BEFORE, Campaign, CampaignMember
from accounts.models.unit import Unit
from accounts.organisation.units import with_below
from otp import outbox
from otp.models import Message

BATCH = 100  # people who are warned in one transaction
A_SECOND = 10  # mails that become due: password notices must not wait behind thousands
KIND = "password"  # in the audit trail, where two kinds are told apart
TICKET = "campaign-"  # and its number, in the audit trail

Event = AuditEvent.Event
Outcome = CampaignMember.Outcome
State = Campaign.State

_ON_THE_WAY = (Message.State.QUEUED, Message.State.SENDING)
_TAKEN = (Message.State.ACCEPTED, Message.State.DELIVERED)

# Days that must have passed since the warning before, by the days of the warning that follows.
_PAUSE = {days: before - days for before, days in itertools.pairwise(WARNED_BEFORE)}

_WARNED = ("mail", "sms", "warnings_sent", "first_warned_on", "last_warned_on")

# Whoever is in another campaign that still runs is left to it.
_ENROL = """
INSERT INTO accounts_campaignmember (campaign_id, account_id, outcome)
SELECT %(campaign)s, id, '' FROM accounts_account
WHERE unit_id = ANY(%(units)s) AND has_default_password AND is_active AND locked_at IS NULL
  AND NOT is_staff AND NOT is_superuser
ORDER BY id
ON CONFLICT DO NOTHING
"""


class CampaignRefused(Exception):
    """The campaign no longer is, or not yet, where this could be done to it."""


class TooLate(CampaignRefused):
    """The first day has passed: the days that were shown cannot be kept."""


def plan(
    *, name: str, basis: str, first_day: dt.date, units: Iterable[Unit], by: Account
) -> Campaign:
    """Write a campaign down. Nobody is told of it before it is started."""
    with transaction.atomic():
        campaign = Campaign.objects.create(
            name=name, basis=basis, first_day=first_day, created_by=by
        )
        campaign.units.set(units)
        AuditEvent.record(Event.CAMPAIGN_PLANNED, actor=by, campaign=campaign.pk)
    return campaign


def units_of(campaign: Campaign) -> set[int]:
    """Name the campaign's units, with all below them."""
    return with_below(campaign.units.values_list("pk", flat=True))


def eligible(units: Collection[int]) -> QuerySet[Account]:
    """Give those whom a campaign over these units would warn if it were started now."""
    taken = CampaignMember.objects.filter(outcome=Outcome.OPEN, account__isnull=False)
    return Account.objects.filter(
        unit__in=units,
        has_default_password=True,
        is_active=True,
        locked_at__isnull=True,
        is_staff=False,
        is_superuser=False,
    ).exclude(pk__in=taken.values("account"))


def start(campaign: Campaign, *, by: Account) -> int:
    """Draw up the list of people and let the runs begin on the first day. Give their number.

    Raises CampaignRefused where the campaign was started or dropped already, TooLate after its
    first day.
    """
    with transaction.atomic():
        held = _locked(campaign, State.PLANNED)
        if held.first_day < timezone.localdate():
            raise TooLate
        units = units_of(held)
        with connection.cursor() as cursor:
            cursor.execute(_ENROL, {"campaign": held.pk, "units": list(units)})
            count: int = cursor.rowcount
        held.state, held.started_at, held.started_by = State.RUNNING, timezone.now(), by
        held.save(update_fields=["state", "started_at", "started_by"])
        AuditEvent.record(
            Event.CAMPAIGN_STARTED,
            actor=by,
            campaign=held.pk,
            people=count,
            units=sorted(held.units.values_list("pk", flat=True)),
        )
    return count


def approve_lock(campaign: Campaign, *, by: Account, why: str) -> None:
    """Say yes to locking those who will not have changed their password in time."""
    with transaction.atomic():
        held = _locked(campaign, State.RUNNING)
        held.lock_approved_at, held.lock_approved_by = timezone.now(), by
        held.save(update_fields=["lock_approved_at", "lock_approved_by"])
        AuditEvent.record(
            Event.CAMPAIGN_STEP, actor=by, reason="lock-approved", campaign=held.pk, why=why
        )


def withdraw_lock(campaign: Campaign, *, by: Account, why: str) -> None:
    """Take the yes back: nobody is locked from now on. Who is locked stays so."""
    with transaction.atomic():
        held = _locked(campaign, State.RUNNING)
        held.lock_approved_at = held.lock_approved_by = None
        held.save(update_fields=["lock_approved_at", "lock_approved_by"])
        AuditEvent.record(
            Event.CAMPAIGN_STEP, actor=by, reason="lock-withdrawn", campaign=held.pk, why=why
        )


def stop(campaign: Campaign, *, by: Account, why: str) -> None:
    """End the campaign where it stands. Mails that still wait are not sent; locks stay."""
    with transaction.atomic():
        held = _locked(campaign, State.PLANNED, State.RUNNING)
        members = held.members.filter(outcome=Outcome.OPEN)
        mails, texts = _withdraw(members)
        count = members.update(outcome=Outcome.STOPPED, decided_on=timezone.localdate())
        _close_as(held, State.STOPPED)
        AuditEvent.record(
            Event.CAMPAIGN_STOPPED,
            actor=by,
            campaign=held.pk,
            people=count,
            mails_withdrawn=mails,
            sms_withdrawn=texts,
            why=why,
        )


def _withdraw(members: QuerySet[CampaignMember]) -> tuple[int, int]:
    """Take back the warnings that still wait, the mails and the SMS. Give how many there were."""
    mails = outbox.withdraw(members.filter(mail__isnull=False).values("mail"))
    return mails, outbox.withdraw(members.filter(sms__isnull=False).values("sms"))


def run(say: Callable[[str], None] = lambda _: None) -> None:
    """Do what is due today in every campaign that runs; to be called as often as one likes."""
    for campaign in Campaign.objects.filter(state=State.RUNNING).order_by("pk"):
        try:
            _advance(campaign, say)
        except CampaignRefused:
            say(f"campaign {campaign.pk}: stopped meanwhile")


def _advance(campaign: Campaign, say: Callable[[str], None]) -> None:
    _drop_unreachable(campaign)
    for days in WARNED_BEFORE:
        if count := _warn_all(campaign, days):
            say(f"campaign {campaign.pk}: {count} warned, {days} days before")
    locked = 0
    while (outcome := _decide_one(campaign)) is not None:
        locked += outcome == Outcome.LOCKED
    if locked:
        say(f"campaign {campaign.pk}: {locked} locked")
    if waiting := waits_for_consent(campaign).count():
        say(f"campaign {campaign.pk}: {waiting} to lock, waiting for the consent of IT")
    if _finish(campaign):
        say(f"campaign {campaign.pk}: done")


def waits_for_consent(campaign: Campaign) -> QuerySet[CampaignMember]:
    """Give those whose time is over, and who are not locked because IT has not agreed to it."""
    if not campaign.is_running or campaign.lock_approved_at:
        return campaign.members.none()
    return _time_is_over(campaign)


def due_for_warning(campaign: Campaign, days: int) -> QuerySet[CampaignMember]:
    """Give those whose turn it is today to be warned so many days before."""
    people = campaign.members.filter(outcome=Outcome.OPEN, warnings_sent=WARNED_BEFORE.index(days))
    if days == WARNED_BEFORE[0]:
        return people if campaign.first_day <= timezone.localdate() else people.none()
    latest = timezone.localdate() - dt.timedelta(days=_PAUSE[days])
    return people.filter(last_warned_on__lte=latest)


def _locked(campaign: Campaign, *states: Campaign.State) -> Campaign:
    """Lock the campaign's row to the end of the transaction, if it is in one of the states."""
    held = Campaign.objects.select_for_update().filter(pk=campaign.pk, state__in=states).first()
    if held is None:
        raise CampaignRefused
    return held


def _drop_unreachable(campaign: Campaign) -> None:
    """Close the rows of those who need no further warning, and of those whom one did not reach."""
    today = timezone.localdate()
    with transaction.atomic():
        _locked(campaign, State.RUNNING)
        people = campaign.members.filter(outcome=Outcome.OPEN)
        changed = people.filter(account__has_default_password=False)
        _withdraw(changed)
        changed.update(outcome=Outcome.CHANGED, decided_on=today)
        gone = people.filter(
            Q(account__isnull=True)
            | Q(account__is_active=False)
            | Q(account__is_staff=True)
            | Q(account__is_superuser=True)
            | Q(account__locked_at__isnull=False)
        )
        _withdraw(gone)
        gone.update(outcome=Outcome.LEFT, decided_on=today)
        people.filter(warnings_sent__gt=0).filter(
            Q(mail__isnull=True) | ~Q(mail__state__in=[*_ON_THE_WAY, *_TAKEN])
        ).update(outcome=Outcome.UNWARNED, decided_on=today)


def _warn_all(campaign: Campaign, days: int) -> int:
    count = 0
    while warned := _warn_some(campaign, days, after=count):
        count += warned
    return count


def _warn_some(campaign: Campaign, days: int, *, after: int) -> int:
    """Warn a batch: the mails and the marks are one transaction, so a crash takes back both."""
    today = timezone.localdate()
    with transaction.atomic():
        held = _locked(campaign, State.RUNNING)
        members = due_for_warning(held, days).select_related("account").order_by("pk")[:BATCH]
        for n, member in enumerate(members, after):
            assert member.account is not None
            lock_day, wait = today + dt.timedelta(days=days), dt.timedelta(seconds=n / A_SECOND)
            member.mail = notices.default_password(
                member.account, lock_day=lock_day, days=days, wait=wait
            )
            member.sms = notices.default_password_sms(member.account, lock_day=lock_day, wait=wait)
            member.warnings_sent += 1
            member.first_warned_on = member.first_warned_on or today
            member.last_warned_on = today
            _record(held, member.account, f"warned-{days}")
        CampaignMember.objects.bulk_update(members, _WARNED)
        return len(members)


def _decide_one(campaign: Campaign) -> CampaignMember.Outcome | None:
    """Lock one person whose time is over, or find why not; None where there is nobody left.

    The account is held while it is looked at and locked: who changes the password in the same
    moment is either before the lock, and is not locked, or finds the account locked.
    """
    with transaction.atomic():
        held = _locked(campaign, State.RUNNING)
        if held.lock_approved_at is None:
            return None
        member = _time_is_over(held).order_by("pk").first()
        if member is None:
            return None
        account = None
        if member.account_id is not None:
            account = Account.objects.select_for_update().filter(pk=member.account_id).first()
        outcome = _outcome_of(account)
        if account is not None and outcome == Outcome.OPEN:
            _lock_member(held, account)
            outcome = Outcome.LOCKED
        member.outcome, member.decided_on = outcome, timezone.localdate()
        member.save(update_fields=["outcome", "decided_on"])
        return outcome


def _lock_member(campaign: Campaign, account: Account) -> None:
    """Lock an account, end its default password in mail programs, and put it on record."""
    ground = Ground(campaign.basis, f"{TICKET}{campaign.pk}", by_itself=True)
    lock(account, actor=campaign.lock_approved_by, ground=ground)
    # Unlocked again, it opens the page where it is changed, and no mail program.
    Account.objects.filter(pk=account.pk).update(default_password_until=timezone.now())
    _record(campaign, account, "locked")


def _outcome_of(account: Account | None) -> CampaignMember.Outcome:
    if account is None or not account.may_log_in or account.is_staff or account.is_superuser:
        return Outcome.LEFT
    return Outcome.OPEN if account.has_default_password else Outcome.CHANGED


def _time_is_over(campaign: Campaign) -> QuerySet[CampaignMember]:
    """Give those whose last warning was written, and taken by a mail server, before today."""
    return campaign.members.filter(
        outcome=Outcome.OPEN,
        warnings_sent=len(WARNED_BEFORE),
        last_warned_on__lte=timezone.localdate() - dt.timedelta(days=WARNED_BEFORE[-1]),
        mail__state__in=_TAKEN,
        mail__changed_at__date__lt=timezone.localdate(),
    )


def _finish(campaign: Campaign) -> bool:
    with transaction.atomic():
        held = _locked(campaign, State.RUNNING)
        # A list with nobody on it is not over before its first day: IT may still look at it.
        if held.first_day > timezone.localdate():
            return False
        if held.members.filter(outcome=Outcome.OPEN).exists():
            return False
        _close_as(held, State.DONE)
        AuditEvent.record(Event.CAMPAIGN_STEP, reason="done", campaign=held.pk)
    return True


def _close_as(held: Campaign, state: Campaign.State) -> None:
    held.state, held.ended_at = state, timezone.now()
    held.save(update_fields=["state", "ended_at"])


def _record(campaign: Campaign, account: Account, reason: str) -> None:
    AuditEvent.record(
        Event.CAMPAIGN_STEP,
        account,
        actor=campaign.started_by,
        reason=reason,
        campaign=campaign.pk,
    )


def to_remove(campaign: Campaign) -> QuerySet[CampaignMember]:
    """Give those whom the campaign locked and who still are, with the default password.

    A list for people to decide on: the campaign removes nobody.
    """
    members = CampaignMember.objects.filter(campaign=campaign).to_remove()
    return members.order_by(F("account__unit__name").asc(nulls_last=True), "account__address")
