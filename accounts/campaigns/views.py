"""The page that lists the campaigns of both kinds."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access.staff import StaffRequest, staff_page
from accounts.campaigns import password_figures, phone_figures
from accounts.campaigns.reach import is_within, may_see
from accounts.models.campaign import Campaign
from accounts.models.phone_campaign import PhoneCampaign
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.pages.requests import takes_long


@require_safe
@staff_page(Right.RUN_CAMPAIGNS)
@takes_long
def campaigns(request: StaffRequest) -> HttpResponse:
    visible = roles.units_of(request.user)
    found = [each for each in Campaign.objects.order_by("-pk") if is_within(each, visible)]
    phones = [
        (each, phone_figures.progress_of(each, visible))
        for each in PhoneCampaign.objects.order_by("-pk")
        if may_see(each, visible)
    ]
    context = {
        "table": password_figures.listed(found),
        "phones": phone_figures.listed(phones),
        "sees_all": visible is None,
    }
    return render(request, "campaigns/campaigns.html", context)
