"""How many people of a campaign against default passwords stand how, for its pages and programs."""

from dataclasses import dataclass

from django.db.models import Count, Q

from accounts.campaigns import password_rules
from accounts.campaigns.counts import at_the_end
from accounts.campaigns.reach import units_of
from accounts.models.campaign import WARNED_BEFORE, Campaign, CampaignMember
from accounts.organisation.units import Visible
from accounts.reports.sums import Sums


@dataclass(frozen=True)
class CampaignCounts(Sums):
    """People by outcome; of a campaign that is only planned, those who would be warned."""

    people: int = 0
    open: int = 0
    changed: int = 0
    locked: int = 0
    unwarned: int = 0
    left: int = 0
    stopped: int = 0

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignCounts":
        """Count all of them; of a campaign that is over, once in each process."""
        if campaign.ended_at:
            found = at_the_end(CampaignMember, campaign.pk, campaign.ended_at)
            counts = {each.name.lower(): found.get(each, 0) for each in CampaignMember.Outcome}
            return cls(people=sum(found.values()), **counts)
        if campaign.is_planned:
            count = password_rules.eligible(units_of(campaign)).count()
            return cls(people=count, open=count)
        return cls(**campaign.members.aggregate(**_by_outcome()))


def by_units(campaign: Campaign, visible: Visible) -> dict[int | None, CampaignCounts]:
    """Count by unit, without those below it."""
    if campaign.is_planned:
        people = password_rules.eligible(units_of(campaign, visible))
        counts = people.order_by().values_list("unit").annotate(count=Count("pk"))
        return {unit: CampaignCounts(people=count, open=count) for unit, count in counts}
    members = campaign.members.order_by()
    if visible is not None:
        members = members.filter(account__unit__in=visible)
    rows = members.values("account__unit").annotate(**_by_outcome())
    return {row.pop("account__unit"): CampaignCounts(**row) for row in rows}


def count_warned(campaign: Campaign) -> dict[int, int]:
    """Count who was given each warning, by the days that it comes before the lock."""
    if campaign.is_planned:
        return dict.fromkeys(WARNED_BEFORE, 0)
    counts = campaign.members.aggregate(
        **{
            f"warned_{days}": Count("pk", filter=Q(warnings_sent__gt=before))
            for before, days in enumerate(WARNED_BEFORE)
        }
    )
    return {days: counts[f"warned_{days}"] for days in WARNED_BEFORE}


def _by_outcome() -> dict[str, Count]:
    counts = {
        outcome.name.lower(): Count("pk", filter=Q(outcome=outcome))
        for outcome in CampaignMember.Outcome
    }
    return {"people": Count("pk"), **counts}
