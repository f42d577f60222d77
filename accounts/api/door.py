"""The one door for programs: the token, what it opens, how often; every refusal is a problem."""

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from accounts.access.limits import TooManyRequests
from accounts.api import asked, tokens
from accounts.api.answers import Refusal, problem
from accounts.models import ProgramToken
from otp.counting import limits
from otp.counting.limits import Limit

CALLS = Limit("program-calls", 600, dt.timedelta(minutes=1))  # of one token
CHANGES = Limit("program-changes", 120, dt.timedelta(minutes=10))  # of these

View = Callable[..., HttpResponse]


def door(
    scope: ProgramToken.Scope | None, *, method: str = "GET", reads_query: bool = False
) -> Callable[[View], View]:
    """Open a view to programs whose token has this scope (AD-16); None: whatever it has.

    Where the view itself does not read the query, there must be none: a filter or a `dry_run` that
    is written there would be passed over in silence. The view is called with the request and the
    program's row. No cookie is read, so there is none that another site could send along.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, **arguments: Any) -> HttpResponse:
            if not tokens.were_made():
                raise Http404
            program = tokens.read(_shown(request))
            if program is None:
                return problem(401)
            _charge(CALLS, program)
            try:
                _refuse_unfit(request, program, scope, method)
                if not reads_query:
                    asked.query(request, asked.NoQuery)
                return view(request, program, **arguments)
            except Refusal as refused:
                said = problem(refused.status, refused.code, refused.detail, refused.errors)
                if refused.status == 405:
                    said.headers["Allow"] = method
                return said

        # The form's token belongs to a cookie; this is the token of another kind.
        return login_not_required(csrf_exempt(sensitive_variables()(guarded)))

    return decorate


def _refuse_unfit(
    request: HttpRequest, program: ProgramToken, scope: ProgramToken.Scope | None, method: str
) -> None:
    if request.method not in ((method, "HEAD") if method == "GET" else (method,)):
        raise Refusal(405)
    if scope is not None and scope not in program.scopes:
        raise Refusal(403)
    if method != "GET":
        _charge(CHANGES, program)


def _charge(limit: Limit, program: ProgramToken) -> None:
    if settings.RATELIMIT_ENABLE:
        charge = limits.charge(limit, str(program.pk))
        if not charge.granted:
            raise TooManyRequests(limit.name, charge.until)


@sensitive_variables()
def _shown(request: HttpRequest) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
