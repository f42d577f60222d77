"""Something a button does to a campaign of either kind, after a page has said what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.access.staff import StaffRequest
from accounts.campaigns.forms import ReasonForm
from accounts.campaigns.stages import CampaignRefused, NoUnits, TooLate
from accounts.models.campaign import Campaign
from accounts.models.phone_campaign import PhoneCampaign
from accounts.pages.versions import SeenForm


@dataclass(frozen=True)
class Act:
    """What is done, the page that asks first, and the sentence that says it is done."""

    template: str
    do: Callable[..., object]
    done: str
    has_reason: bool = True


def confirm(
    request: StaffRequest,
    campaign: Campaign | PhoneCampaign,
    act: Act,
    *,
    stands: Mapping[str, str],
    context: Callable[[], Mapping[str, object]],
) -> HttpResponse:
    """Say what will happen and ask why; a POST does it, where the campaign still stands like this.

    `context` gives what the asking page says.
    """
    sent = request.POST if request.method == "POST" else None
    form = (ReasonForm if act.has_reason else SeenForm)(sent, stands=stands)
    if not form.is_valid():
        shown = {"form": form, "campaign": campaign, **context()}
        return render(request, f"campaigns/{act.template}.html", shown)
    try:
        act.do(campaign, by=request.user, **form.cleaned_data)
    except TooLate:
        messages.error(
            request,
            _("Ngày nhắc lần đầu đã qua. Hãy dừng chiến dịch này và lập chiến dịch mới."),
        )
    except NoUnits:
        messages.error(
            request,
            _("Chiến dịch không còn đơn vị nào. Hãy dừng chiến dịch này và lập chiến dịch mới."),
        )
    except CampaignRefused:
        refuse(request)
    else:
        messages.success(request, act.done)
    return redirect(campaign)


def refuse(request: StaffRequest) -> None:
    """Say that the campaign has moved on since the page was opened."""
    messages.error(request, _("Chiến dịch không còn ở bước này. Hãy xem lại tình trạng."))
