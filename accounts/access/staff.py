"""Who gets onto the pages of the staff: the right, and the second factor, at every door."""

import functools
from collections.abc import Callable

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from accounts.models.right import Right

View = Callable[..., HttpResponseBase]

STAFF_PAGES = ("quan-tri", "ho-tro")  # the first part of their addresses


class StaffRequest(HttpRequest):
    """A request of a member of staff who has shown the second factor."""

    user: Account


def staff_page(right: Right) -> Callable[[View], View]:
    """Open a page to staff who have the right and have shown the second factor.

    To anybody else who is logged in there is no such page (404); staff without the right are told
    so (403).
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: StaffRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if not request.user.is_staff:
                raise Http404
            if not is_verified_staff(request):
                return to_second_factor(request.get_full_path())
            if not request.user.has_perm(right):
                raise PermissionDenied
            try:
                return view(request, *args, **kwargs)
            except Account.DoesNotExist:
                # Removed while the request waited for its row.
                raise Http404 from None

        guarded.staff_right = right  # type: ignore[attr-defined]  # read by the test of all pages
        return guarded

    return decorate


def is_staff_page(request: HttpRequest) -> bool:
    """Whether the address leads to pages of the staff.

    `path_info` is what addresses are looked up by; `path` has in front of it what a server believes
    the portal to be mounted under.
    """
    return request.path_info.removeprefix("/").split("/", 1)[0] in STAFF_PAGES


def is_verified_staff(request: HttpRequest) -> bool:
    """Whether the caller is staff, and showed the second factor in this session."""
    user = request.user
    return (
        isinstance(user, Account) and user.is_staff and user.may_log_in and has_shown_factor(user)
    )


def has_shown_factor(user: Account) -> bool:
    # Put on the user by django-otp's middleware.
    return bool(user.is_verified())  # type: ignore[attr-defined]


def to_second_factor(target: str) -> HttpResponse:
    return redirect(f"{reverse('accounts:second-factor')}?{urlencode({'next': target})}")


class StaffSite(AdminSite):
    """The admin, behind the portal's own doors: there is no second log-in form."""

    site_header = site_title = _("Quản trị thư điện tử công vụ")
    index_title = _("Tổng quan")
    # The parts are named above every page: the width is for what a list tells.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return is_verified_staff(request)

    def login(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        if self.has_permission(request):
            return redirect("admin:index")
        target = request.GET.get("next", reverse("admin:index"))
        if isinstance(request.user, Account):
            if not request.user.is_staff:
                return redirect("accounts:home")
            return to_second_factor(target)
        return redirect(f"{reverse('accounts:login')}?{urlencode({'next': target})}")
