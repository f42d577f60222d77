"""What programs are told of campaigns: how they stand, and how many of each unit do."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import QuerySet

from accounts.api import tokens
from accounts.campaigns import password_counts, phone_figures
from accounts.campaigns.password_counts import CampaignCounts
from accounts.campaigns.phone_figures import Progress
from accounts.campaigns.stages import Kind
from accounts.models import Campaign, PhoneCampaign, ProgramToken
from accounts.organisation.units import Tree

Figures = TypeVar("Figures", CampaignCounts, Progress)


def seen_by(program: ProgramToken, rows: "QuerySet[Kind]") -> "QuerySet[Kind]":
    """Keep the campaigns that reach into the units of a program, from above or from within."""
    if program.unit_id is None:
        return rows
    tree = Tree()
    above = {unit.pk for unit in tree.above(program.unit_id)}
    return rows.filter(units__in=above | tree.with_below(program.unit_id)).distinct()


def told(campaign: Campaign | PhoneCampaign) -> dict[str, Any]:
    """Say of a campaign how it stands."""
    days: dict[str, dt.date | None]
    if isinstance(campaign, Campaign):
        days = {"first_day": campaign.first_day, "lock_day": campaign.lock_day}
    else:
        first = min(campaign.reminder_days, default=None)
        days = {"first_day": first, "asked_first_from": campaign.asked_first_from}
    return {
        "id": campaign.pk,
        "name": campaign.name,
        "state": campaign.state,
        **days,
        "started_at": campaign.started_at,
        "ended_at": campaign.ended_at,
    }


def counted(program: ProgramToken, campaign: Campaign | PhoneCampaign) -> dict[str, Any]:
    """Count the people that the program may know of: all, and of each unit with those below."""
    visible = tokens.units_of(program)
    tree = Tree(visible)
    if isinstance(campaign, Campaign):
        return _summed(password_counts.by_units(campaign, visible), tree, CampaignCounts())
    own = phone_figures.by_units(campaign, visible)
    return _summed(own, tree, Progress())


def in_figures(counted: CampaignCounts | Progress) -> dict[str, int]:
    """Write how many people stand how."""
    if isinstance(counted, CampaignCounts):
        return vars(counted)
    names = ("people", "missing", "done", "excused", "left")
    return {name: getattr(counted, name) for name in names}


def _summed(own: Mapping[int | None, Figures], tree: Tree, nobody: Figures) -> dict[str, Any]:
    units = []
    for unit, _depth in tree.in_order():
        figures = sum((own[pk] for pk in tree.with_below(unit.pk) if pk in own), nobody)
        if figures.people:
            units.append({"unit": unit.pk, "path": tree.path(unit.pk), **in_figures(figures)})
    return {"total": in_figures(sum(own.values(), nobody)), "units": units}
