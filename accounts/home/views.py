"""The two guides for staff, each to be printed on two pages: for the hotline, for a unit's IT."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access.staff import StaffRequest, staff_page
from accounts.models.right import Right
from accounts.pages.parts import open_to


@require_safe
@staff_page(Right.USE_DESK)
def hotline_guide(request: StaffRequest) -> HttpResponse:
    context = {"several_ways": settings.CODE_WAYS.are_several}
    return render(request, "guides/hotline.html", context)


@require_safe
@staff_page(Right.VIEW_ACCOUNT)
def unit_guide(request: StaffRequest) -> HttpResponse:
    return render(request, "guides/unit_it.html", {"parts": list(open_to(request.user))})
