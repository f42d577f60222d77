"""Sends people to what comes first after the log-in; hides staff pages from other networks."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin

from accounts.access import limits
from accounts.access.login import FACTOR_ASKED, FACTOR_DEMANDED, PHONE_ASKED, TOO_SHORT
from accounts.access.staff import is_staff_page, to_second_factor
from accounts.models import PhoneMember
from accounts.organisation import factor_demands

NOWHERE = "/-/"  # no page

# What whoever is asked for a number may open first: the number, what keeps the account safe, and
# what the law gives everybody.
_BESIDE_THE_NUMBER = {
    f"accounts:{name}"
    for name in (
        *("phone", "phone-again", "phone-code", "phone-asked", "password", "activity"),
        *("my-data", "my-data-file", "make-data-request", "withdraw-data-request"),
    )
}
# What whoever has to set up a second factor may open first: the ways to one, and a password that
# has to be changed before.
_BEFORE_THE_FACTOR = {
    f"accounts:{name}"
    for name in ("factor", "enrol", "add-passkey", "second-factor", "password", "stay")
}


class StaffNetworkMiddleware:
    """Hide staff pages from callers outside STAFF_NETWORKS; not the control, a layer more.

    Strangers are shown what any address without a page is answered with, by way of the same
    middleware, so that nothing tells the two apart.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_staff_page(request):
            if settings.STAFF_NETWORKS and not limits.is_within(settings.STAFF_NETWORKS):
                request.path_info = NOWHERE
            elif "%00" in request.META["QUERY_STRING"]:
                # The admin's lists would ask the database for it, which takes no NUL.
                raise BadRequest("NUL in the query")
        return self.get_response(request)


class FactorAskedMiddleware(MiddlewareMixin):
    """The password of somebody who has a second factor opens one page only: where it is shown."""

    def process_view(
        self, request: HttpRequest, view: object, *_: object
    ) -> HttpResponseBase | None:
        if not getattr(view, "login_required", True) or not request.user.is_authenticated:
            return None
        if FACTOR_ASKED not in request.session:
            return None
        match = request.resolver_match
        if match and match.view_name in ("accounts:second-factor", "accounts:stay"):
            return None
        return to_second_factor(request.get_full_path())


class ForcedChangeMiddleware(MiddlewareMixin):
    """A password that has to be changed opens one page only: the one where it is changed."""

    def process_view(
        self, request: HttpRequest, view: object, *_: object
    ) -> HttpResponseBase | None:
        # Public pages, log-out among them, stay public and do not look at who is asking.
        if not getattr(view, "login_required", True) or not request.user.is_authenticated:
            return None
        if not (request.user.has_default_password or request.session.get(TOO_SHORT)):
            return None
        match = request.resolver_match
        if match and match.view_name == "accounts:password":
            return None
        return redirect("accounts:password")


class FactorDemandedMiddleware(MiddlewareMixin):
    """Of whom a second factor is asked is led to where it is set up, as long as there is none."""

    def process_view(
        self, request: HttpRequest, view: object, *_: object
    ) -> HttpResponseBase | None:
        if not getattr(view, "login_required", True) or not request.user.is_authenticated:
            return None
        if FACTOR_DEMANDED not in request.session:
            return None
        if not factor_demands.is_due(request.user):
            del request.session[FACTOR_DEMANDED]
            return None
        match = request.resolver_match
        if match and match.view_name in _BEFORE_THE_FACTOR:
            return None
        return redirect("accounts:factor")


class PhoneAskedMiddleware(MiddlewareMixin):
    """Whom a campaign asks for a number is led there first, or to "Để sau" while that lasts."""

    def process_view(
        self, request: HttpRequest, view: object, *_: object
    ) -> HttpResponseBase | None:
        if not getattr(view, "login_required", True) or not request.user.is_authenticated:
            return None
        # One thing after the other.
        if PHONE_ASKED not in request.session or FACTOR_DEMANDED in request.session:
            return None
        match = request.resolver_match
        if match and match.view_name in _BESIDE_THE_NUMBER:
            return None
        member = PhoneMember.objects.asking(request.user)
        if member is None:
            del request.session[PHONE_ASKED]
            return None
        if member.may_postpone:
            return redirect("accounts:phone-asked")
        return redirect("accounts:phone", request.user.address)
