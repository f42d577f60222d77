"""Sends default passwords to the page that changes them; hides staff pages from other networks."""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts import caller
from accounts.access.login import TOO_SHORT

STAFF_PAGES = ("/quan-tri/", "/ho-tro/")


class StaffNetworkMiddleware:
    """Hide staff pages from callers outside STAFF_NETWORKS; not the control, a layer more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> None:
        if request.path.startswith(STAFF_PAGES) and not _is_near(caller.current().address):
            raise Http404
        if request.path.startswith(STAFF_PAGES) and "%00" in request.META["QUERY_STRING"]:
            # The admin's lists would ask the database for it, which takes no NUL.
            raise BadRequest


def _is_near(address: str) -> bool:
    if not settings.STAFF_NETWORKS:
        return True
    return bool(address) and any(
        ip_address(address) in network for network in settings.STAFF_NETWORKS
    )


class ForcedChangeMiddleware:
    """A password that has to be changed opens one page only: the one where it is changed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> HttpResponseBase | None:
        # Public pages, log-out among them, stay public and do not look at who is asking.
        if not getattr(view, "login_required", True) or not request.user.is_authenticated:
            return None
        if not (request.user.has_default_password or request.session.get(TOO_SHORT)):
            return None
        if request.path == reverse("accounts:password"):
            return None
        return redirect("accounts:password")
