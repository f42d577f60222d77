"""How many people of a campaign that is over came to which end: counted once in each process."""

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache

from django.db.models import Count

from accounts.models.campaign import CampaignMember
from accounts.models.phone_campaign import PhoneMember

ENDED_KEPT = 200  # campaigns whose last figures a process keeps


@lru_cache(maxsize=ENDED_KEPT)
def at_the_end(
    member: type[CampaignMember | PhoneMember], campaign: int, _ended_at: dt.datetime
) -> Mapping[str, int]:
    """Count the people of a campaign that is over by outcome: it changes no more.

    Who is removed leaves their place in the count.
    """
    outcomes = member.objects.filter(campaign=campaign).order_by().values_list("outcome")
    return dict(outcomes.annotate(Count("pk")))
