"""A default password opens one page only: the one where it is changed."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse


class DefaultPasswordMiddleware:
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
        if not request.user.has_default_password:
            return None
        if request.path == reverse("accounts:password"):
            return None
        return redirect("accounts:password")
