"""The methods of a page, who asks it, and where it leads afterwards."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Account

pages = require_http_methods(["GET", "HEAD", "POST"])

_TOO_LONG = 19  # digits: the database takes no number of so many

View = TypeVar("View", bound=Callable[..., Any])


def post_only(view: View) -> View:
    """Take POST alone: what a button of another page does, with nothing to look at."""
    checked = require_POST(view)
    # Read by the middleware of languages, which leads to a page.
    checked.is_post_only = True  # type: ignore[attr-defined]
    return checked


def takes_long(view: View) -> View:
    """Let the database take its time for a page that counts or lists all accounts."""
    # Read by a middleware.
    view.takes_long = True  # type: ignore[attr-defined]
    return view


def hold(request: HttpRequest, rows: "QuerySet[Any]") -> None:
    """Have nobody else change what a POST is about, from its check until its transaction is over.

    What is read from now on is what is held; a join of the statement that waits would be older.
    """
    if request.method == "POST":
        list(rows.order_by("pk").select_for_update().values_list("pk"))


def row_key(raw: str) -> int | None:
    """Read the key of a row that an address or a form names; None of what is no key."""
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < _TOO_LONG else None


def own_target(request: HttpRequest) -> str:
    """Read where to go afterwards, and only if it is on this host (SE-10)."""
    posted = request.POST.get("next") if request.method == "POST" else None
    target = posted or request.GET.get("next")
    if not target:
        return ""
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # `redirect` would look for a page of that name in whatever does not begin with a slash.
    return target if safe and target.startswith("/") else ""


class PersonRequest(HttpRequest):
    """A request of somebody who is logged in."""

    user: Account


def actor(request: HttpRequest) -> Account:
    """Name the member of staff who asks."""
    assert isinstance(request.user, Account)
    return request.user
