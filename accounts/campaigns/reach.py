"""Which units a campaign of either kind reaches, and whether somebody who sees some may see it."""

from accounts.models.campaign import AnyCampaign
from accounts.organisation.units import Visible, with_below


def units_of(campaign: AnyCampaign, visible: Visible = None) -> set[int]:
    """Name the campaign's units, with all below them, as far as they are `visible`."""
    units = with_below(campaign.units.values_list("pk", flat=True))
    return units if visible is None else units & set(visible)


def is_within(campaign: AnyCampaign, visible: Visible) -> bool:
    """Whether all units of a campaign are `visible`; None: every unit is."""
    if visible is None:
        return True
    units = set(campaign.units.values_list("pk", flat=True))
    return bool(units) and units <= set(visible)


def may_see(campaign: AnyCampaign, visible: Visible) -> bool:
    """Whether any of the campaign's units is `visible` to somebody, who sees no more of it."""
    return visible is None or bool(units_of(campaign, visible))
