"""The stages of a campaign of either kind: begun, run, closed, under the campaign's row.

Whoever changes a campaign or its members holds the campaign's row. So two runs take turns, a stop
waits for the batch at hand and nothing follows it, and a batch that dies leaves no trace.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from django.db import transaction
from django.utils import timezone

from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent
from accounts.models.campaign import AnyCampaign, Campaign
from accounts.models.phone_campaign import PhoneCampaign

BATCH = 100  # people who are written to in one transaction
A_SECOND = 10  # mails that become due: password notices must not wait behind thousands

Kind = TypeVar("Kind", Campaign, PhoneCampaign)

State = AnyCampaign.State


class CampaignRefused(Exception):
    """The campaign no longer is, or not yet, where this could be done to it."""


class TooLate(CampaignRefused):
    """The first day has passed: the days that were shown cannot be kept."""


class NoUnits(CampaignRefused):
    """All its units have been removed since it was planned: there is nobody to list."""


def locked(campaign: Kind, *states: AnyCampaign.State) -> Kind:
    """Lock the campaign's row to the end of the transaction, if it is in one of the states."""
    campaigns = type(campaign).objects.select_for_update()
    held = campaigns.filter(pk=campaign.pk, state__in=states).first()
    if held is None:
        raise CampaignRefused
    return held


def locked_to_start(campaign: Kind) -> Kind:
    """Lock the row of a campaign that is only planned, has units, and may still begin."""
    held = locked(campaign, State.PLANNED)
    if held.first_day < timezone.localdate():
        raise TooLate
    if not held.units.exists():
        raise NoUnits
    return held


def begin(held: AnyCampaign, *, by: Account, people: int) -> None:
    """Let a campaign run whose list of `people` is drawn up."""
    held.state, held.started_at, held.started_by = State.RUNNING, timezone.now(), by
    held.save(update_fields=["state", "started_at", "started_by"])
    units = sorted(held.units.values_list("pk", flat=True))
    AuditEvent.record(
        AuditEvent.Event.CAMPAIGN_STARTED,
        actor=by,
        people=people,
        units=units,
        **held.on_record,
    )


def run_each(
    kind: type[Kind],
    advance: Callable[[Kind], Iterator[str]],
    say: Callable[[str], object],
    *,
    called: str,
) -> None:
    """Do by `advance` what is due in every campaign of a kind that runs, and end what is over.

    What `advance` tells of is said at once, of a campaign `called` so.
    """
    for campaign in kind.objects.filter(state=State.RUNNING).order_by("pk"):
        try:
            for done in advance(campaign):
                say(f"{called} {campaign.pk}: {done}")
            if _finish(campaign):
                say(f"{called} {campaign.pk}: done")
        except CampaignRefused:
            say(f"{called} {campaign.pk}: stopped meanwhile")


def _finish(campaign: Kind) -> bool:
    with transaction.atomic():
        held = locked(campaign, State.RUNNING)
        # A list with nobody on it is not over before its first day: IT may still look at it.
        if held.first_day > timezone.localdate():
            return False
        if held.members.filter(outcome="").exists():
            return False
        close_as(held, State.DONE)
        AuditEvent.record(AuditEvent.Event.CAMPAIGN_STEP, reason="done", **held.on_record)
    return True


def close_as(held: AnyCampaign, state: AnyCampaign.State) -> None:
    held.state, held.ended_at = state, timezone.now()
    held.save(update_fields=["state", "ended_at"])
