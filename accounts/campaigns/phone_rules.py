"""Every rule of a campaign for phone numbers: planned, started, reminded, stopped, resumed.

Whoever changes a campaign holds its row (`accounts.campaigns.stages`); an excuse holds the account,
whatever campaigns there are. The list of people is drawn up when IT starts the campaign, as IT saw
it. A reminder and its mark are one transaction; nobody is reminded twice for one of the
days, nor twice on one day.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from django.db import connection, transaction
from django.db.models import (
    DateField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.utils import timezone

from accounts.campaigns.reach import units_of
from accounts.campaigns.stages import (
    A_SECOND,
    BATCH,
    CampaignRefused,
    State,
    begin,
    close_as,
    locked,
    locked_to_start,
    run_each,
)
from accounts.credentials import notices
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent
from accounts.models.phone_campaign import PhoneCampaign, PhoneExcuse, PhoneMember
from accounts.models.unit import Unit
from accounts.organisation.units import Visible
from otp import outbox
from otp.models import Message

AT_ONCE = 500  # people whom a click reminds: no page waits for more

Event = AuditEvent.Event
Outcome = PhoneMember.Outcome

# Whoever was put into another campaign meanwhile is left to it.
_ENROL = """
INSERT INTO accounts_phonemember (campaign_id, account_id, postponements_left, outcome)
SELECT %s, people.id, %s, '' FROM ({people}) AS people (id)
ON CONFLICT DO NOTHING
"""
_CHASED = Q(is_active=True, locked_at__isnull=True, is_staff=False, is_superuser=False)
_REMINDED = ("mail", "reminders_sent", "last_reminded_on")


def plan(
    *,
    name: str,
    basis: str,
    units: Iterable[Unit],
    kinds: Sequence[str],
    older_than: int | None,
    reminder_days: Sequence[dt.date],
    asked_first_from: dt.date,
    postponements: int,
    by: Account,
) -> PhoneCampaign:
    """Write a campaign down. Nobody is told of it before it is started."""
    with transaction.atomic():
        campaign = PhoneCampaign.objects.create(
            name=name,
            basis=basis,
            kinds=list(kinds),
            older_than=older_than,
            reminder_days=sorted(reminder_days),
            asked_first_from=asked_first_from,
            postponements=postponements,
            created_by=by,
        )
        campaign.units.set(units)
        AuditEvent.record(Event.CAMPAIGN_PLANNED, actor=by, **campaign.on_record)
    return campaign


def eligible(campaign: PhoneCampaign, units: Collection[int]) -> QuerySet[Account]:
    """Give those in these units whom the campaign would ask if it were started now."""
    taken = PhoneMember.objects.filter(outcome=Outcome.OPEN, account__isnull=False)
    return Account.objects.filter(
        campaign.missing(),
        _CHASED,
        unit__in=units,
        kind__in=campaign.kinds,
        phone_excuse__isnull=True,
    ).exclude(pk__in=taken.values("account"))


def start(campaign: PhoneCampaign, *, by: Account) -> int:
    """Draw up the list of people and let the reminders begin. Give their number.

    Raises CampaignRefused where the campaign was started or dropped already, TooLate after its
    first day, NoUnits where they are all gone.
    """
    with transaction.atomic():
        held = locked_to_start(campaign)
        _take_turns()
        _enrol(held)
        count = held.members.count()
        begin(held, by=by, people=count)
    return count


def _take_turns() -> None:
    """Let no other campaign ask more people until the caller's transaction is over.

    Each of them may have one open place: who is resumed must see whom another has just begun with.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('accounts_phonemember'))")


def _enrol(campaign: PhoneCampaign) -> None:
    """Draw up the list by one statement: there may be a hundred thousand people."""
    people = eligible(campaign, units_of(campaign)).order_by("pk").values_list("pk")
    chosen, chosen_by = people.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            _ENROL.format(people=chosen), [campaign.pk, campaign.postponements, *chosen_by]
        )


def stop(campaign: PhoneCampaign, *, by: Account, why: str) -> None:
    """Ask nobody any more. Mails that still wait are not sent."""
    with transaction.atomic():
        held = locked(campaign, State.PLANNED, State.RUNNING)
        members = held.members.filter(outcome=Outcome.OPEN)
        withdrawn = _withdraw(members)
        count = members.update(outcome=Outcome.STOPPED, decided_on=timezone.localdate())
        close_as(held, State.STOPPED)
        AuditEvent.record(
            Event.CAMPAIGN_STOPPED,
            actor=by,
            people=count,
            mails_withdrawn=withdrawn,
            why=why,
            **held.on_record,
        )


def _withdraw(members: QuerySet[PhoneMember]) -> int:
    """Take back the reminders that still wait, and their marks: who was not told is told later."""
    withdrawn = outbox.withdraw(members.filter(mail__isnull=False).values("mail"))
    untold = members.filter(mail__state=Message.State.SKIPPED, mail__reason="withdrawn")
    pks = list(untold.values_list("pk", flat=True)) if withdrawn else []
    again = PhoneMember.objects.filter(pk__in=pks)
    the_day_before = ExpressionWrapper(
        F("last_reminded_on") - Value(dt.timedelta(days=1)), output_field=DateField()
    )
    again.filter(reminders_sent__gt=1).update(
        reminders_sent=F("reminders_sent") - 1, last_reminded_on=the_day_before, mail=None
    )
    again.filter(reminders_sent=1, mail__isnull=False).update(
        reminders_sent=0, last_reminded_on=None, mail=None
    )
    return withdrawn


def resume(campaign: PhoneCampaign, *, by: Account, why: str) -> int:
    """Go on where the campaign was stopped, with those of its list whom no other one asks by now.

    Give their number. Whoever was reminded keeps that: nobody is told twice.
    """
    with transaction.atomic():
        held = locked(campaign, State.STOPPED)
        if held.started_at is None:
            raise CampaignRefused
        _take_turns()
        of_them = {"account": OuterRef("account")}
        # Who was excused, and is no more since the campaign was stopped, is asked again.
        asked = Q(outcome=Outcome.STOPPED) | Q(
            ~Exists(PhoneExcuse.objects.filter(**of_them)), outcome=Outcome.EXCUSED
        )
        elsewhere = PhoneMember.objects.filter(outcome=Outcome.OPEN, **of_them)
        members = held.members.filter(asked, ~Exists(elsewhere), account__isnull=False)
        count = members.update(outcome=Outcome.OPEN, decided_on=None)
        held.state, held.ended_at = State.RUNNING, None
        held.save(update_fields=["state", "ended_at"])
        AuditEvent.record(Event.CAMPAIGN_RESUMED, actor=by, people=count, why=why, **held.on_record)
    return count


def excuse(account: Account, *, by: Account, why: str) -> None:
    """Stop asking somebody for a number, for a reason; in campaigns to come too."""
    with transaction.atomic():
        _held = Account.objects.select_for_update().get(pk=account.pk)
        PhoneExcuse.objects.update_or_create(
            account=account,
            defaults={"reason": why, "excused_by": by, "excused_at": timezone.now()},
        )
        asked = PhoneMember.objects.filter(account=account, outcome=Outcome.OPEN)
        _withdraw(asked)
        asked.update(outcome=Outcome.EXCUSED, decided_on=timezone.localdate())
        AuditEvent.record(Event.PHONE_EXCUSED, account, actor=by, why=why)


def end_excuse(account: Account, *, by: Account, why: str) -> None:
    """Ask somebody again who was excused, in the campaign that runs as well."""
    with transaction.atomic():
        _held = Account.objects.select_for_update().get(pk=account.pk)
        if not PhoneExcuse.objects.filter(account=account).delete()[0]:
            return
        excused = PhoneMember.objects.filter(
            account=account, outcome=Outcome.EXCUSED, campaign__state=State.RUNNING
        ).order_by("-pk")[:1]
        if not PhoneMember.objects.filter(account=account, outcome=Outcome.OPEN).exists():
            PhoneMember.objects.filter(pk__in=excused.values("pk")).update(
                outcome=Outcome.OPEN, decided_on=None
            )
        AuditEvent.record(Event.PHONE_EXCUSE_ENDED, account, actor=by, why=why)


def run(say: Callable[[str], object] = lambda _: None) -> None:
    """Do what is due today in every campaign that runs; to be called as often as one likes."""
    run_each(PhoneCampaign, _advance, say, called="phone campaign")


def _advance(campaign: PhoneCampaign) -> Iterator[str]:
    """Do what is due today, and tell of it."""
    _close_done(campaign)
    day = reminder_due(campaign)
    if day is not None and (count := _remind_all(campaign, day, None)):
        yield f"{count} reminded"


def reminder_due(campaign: PhoneCampaign) -> dt.date | None:
    """Give the newest of the days for reminders that has come; a late run makes one of several."""
    today = timezone.localdate()
    return max((day for day in campaign.reminder_days if day <= today), default=None)


def due_for_reminder(
    campaign: PhoneCampaign, day: dt.date, units: Visible = None
) -> QuerySet[PhoneMember]:
    """Give those who still miss, and have not been reminded on `day` or since."""
    people = PhoneMember.objects.still_missing(campaign).filter(
        Q(last_reminded_on__isnull=True) | Q(last_reminded_on__lt=day)
    )
    return people if units is None else people.filter(account__unit__in=units)


def remind_now(campaign: PhoneCampaign, *, units: Visible, by: Account) -> int:
    """Remind AT_ONCE of those of these units who were not today. Give their number."""
    if not campaign.is_running or campaign.first_day > timezone.localdate():
        raise CampaignRefused
    _close_done(campaign)
    count = _remind_all(campaign, timezone.localdate(), units, most=AT_ONCE)
    AuditEvent.record(
        Event.CAMPAIGN_STEP,
        actor=by,
        reason="reminded-now",
        people=count,
        **campaign.on_record,
    )
    return count


def _remind_all(
    campaign: PhoneCampaign, day: dt.date, units: Visible, most: int | None = None
) -> int:
    count = 0
    while (most is None or count < most) and (
        reminded := _remind_some(campaign, day, units, after=count)
    ):
        count += reminded
    return count


def _remind_some(campaign: PhoneCampaign, day: dt.date, units: Visible, *, after: int) -> int:
    """Remind a batch: the mails and the marks are one transaction, so a crash takes back both."""
    today = timezone.localdate()
    with transaction.atomic():
        held = locked(campaign, State.RUNNING)
        due = due_for_reminder(held, day, units)
        members = list(due.select_related("account").order_by("pk")[:BATCH])
        for n, member in enumerate(members, after):
            assert member.account is not None
            member.mail = notices.phone_wanted(
                member.account,
                asked_first_from=held.asked_first_from,
                wait=dt.timedelta(seconds=n / A_SECOND),
            )
            member.reminders_sent += 1
            member.last_reminded_on = today
        PhoneMember.objects.bulk_update(members, _REMINDED)
        AuditEvent.record_many(
            Event.CAMPAIGN_STEP,
            [(each.account, held.on_record) for each in members if each.account],
            actor=held.started_by,
            reason="phone-reminded",
        )
        return len(members)


def _close_done(campaign: PhoneCampaign) -> None:
    """Close the rows of those who have done it, and of those who are not to be asked any more."""
    today = timezone.localdate()
    with transaction.atomic():
        held = locked(campaign, State.RUNNING)
        people = held.members.filter(outcome=Outcome.OPEN)
        people.filter(account__phone_excuse__isnull=False).update(
            outcome=Outcome.EXCUSED, decided_on=today
        )
        gone = Account.objects.exclude(_CHASED)
        people.filter(Q(account__isnull=True) | Q(account__in=gone)).update(
            outcome=Outcome.LEFT, decided_on=today
        )
        people.exclude(pk__in=PhoneMember.objects.still_missing(held).values("pk")).update(
            outcome=Outcome.CONFIRMED, decided_on=today
        )
