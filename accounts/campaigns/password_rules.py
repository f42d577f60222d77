"""The rules of a campaign against default passwords: planned, warned, locked with consent, stopped.

The list of people is drawn up when IT starts the campaign, as IT saw it. Whoever gets a default
password later is in no list, is neither warned nor locked, and waits for the next campaign.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.campaigns.reach import units_of
from accounts.campaigns.stages import (
    A_SECOND,
    BATCH,
    State,
    begin,
    close_as,
    locked,
    locked_to_start,
    run_each,
)
from accounts.credentials import notices
from accounts.credentials.locks import lock
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent, Ground
from accounts.models.campaign import WARNED_BEFORE, Campaign, CampaignMember
from accounts.models.unit import Unit
from otp import outbox
from otp.models import Message

TICKET = "campaign-"  # and its number, in the audit trail

Event = AuditEvent.Event
Outcome = CampaignMember.Outcome

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
    first day, NoUnits where they are all gone.
    """
    with transaction.atomic():
        held = locked_to_start(campaign)
        with connection.cursor() as cursor:
            cursor.execute(_ENROL, {"campaign": held.pk, "units": list(units_of(held))})
            count: int = cursor.rowcount
        begin(held, by=by, people=count)
    return count


def approve_lock(campaign: Campaign, *, by: Account, why: str) -> None:
    """Say yes to locking those who will not have changed their password in time."""
    with transaction.atomic():
        held = locked(campaign, State.RUNNING)
        held.lock_approved_at, held.lock_approved_by = timezone.now(), by
        held.save(update_fields=["lock_approved_at", "lock_approved_by"])
        AuditEvent.record(
            Event.CAMPAIGN_STEP, actor=by, reason="lock-approved", campaign=held.pk, why=why
        )


def withdraw_lock(campaign: Campaign, *, by: Account, why: str) -> None:
    """Take the yes back: nobody is locked from now on. Who is locked stays so."""
    with transaction.atomic():
        held = locked(campaign, State.RUNNING)
        held.lock_approved_at = held.lock_approved_by = None
        held.save(update_fields=["lock_approved_at", "lock_approved_by"])
        AuditEvent.record(
            Event.CAMPAIGN_STEP, actor=by, reason="lock-withdrawn", campaign=held.pk, why=why
        )


def stop(campaign: Campaign, *, by: Account, why: str) -> None:
    """End the campaign where it stands. Mails that still wait are not sent; locks stay."""
    with transaction.atomic():
        held = locked(campaign, State.PLANNED, State.RUNNING)
        members = held.members.filter(outcome=Outcome.OPEN)
        mails, texts = _withdraw(members)
        count = members.update(outcome=Outcome.STOPPED, decided_on=timezone.localdate())
        close_as(held, State.STOPPED)
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


def run(say: Callable[[str], object] = lambda _: None) -> None:
    """Do what is due today in every campaign that runs; to be called as often as one likes."""
    run_each(Campaign, _advance, say, called="campaign")


def _advance(campaign: Campaign) -> Iterator[str]:
    """Do what is due today, and tell of each step that did something."""
    _drop_unreachable(campaign)
    for days in WARNED_BEFORE:
        if count := _warn_all(campaign, days):
            yield f"{count} warned, {days} days before"
    locked_now = 0
    while (outcome := _decide_one(campaign)) is not None:
        locked_now += outcome == Outcome.LOCKED
    if locked_now:
        yield f"{locked_now} locked"
    if waiting := waits_for_consent(campaign).count():
        yield f"{waiting} to lock, waiting for the consent of IT"


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


def _drop_unreachable(campaign: Campaign) -> None:
    """Close the rows of those who need no further warning, and of those whom one did not reach."""
    today = timezone.localdate()
    with transaction.atomic():
        locked(campaign, State.RUNNING)
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
        held = locked(campaign, State.RUNNING)
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
        held = locked(campaign, State.RUNNING)
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
