"""Log in, stay and log out."""

import datetime as dt
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from accounts.access import devices, login, login_notices, sessions
from accounts.access.forms import LoginForm
from accounts.access.limits import limit_posts
from accounts.access.login import LoginHeld
from accounts.addresses import mended
from accounts.directory import NoAnswer
from accounts.models import Account, AuditEvent, LoginNotice
from accounts.pages import fixed
from accounts.pages.forms import DIRECTORY_AWAY
from accounts.pages.requests import own_target, pages


def _first_look(request: HttpRequest) -> HttpResponse:
    target, notices = own_target(request), login_notices.current()
    own = {"csrf_token": fixed.form_token(request)} | ({"next": target} if target else {})
    told = tuple((notice.pk, notice.text) for notice in notices)
    return fixed.page(request, "access/login.html", _blank(notices), own=own, differs=told)


def _blank(notices: list[LoginNotice]) -> Callable[[object], dict[str, object]]:
    return lambda _places: {"form": LoginForm(), "notices": notices}


@fixed.opens_with(_first_look)
@login_not_required
@sensitive_post_parameters("password")
@pages
@limit_posts("login", 60, minutes=10)
def log_in(request: HttpRequest) -> HttpResponse:
    target = own_target(request)
    if request.user.is_authenticated:
        return redirect(target or settings.LOGIN_REDIRECT_URL)
    name = request.session.get(login.LOG_IN_AS, "")
    form = LoginForm(request.POST or None, initial={"username": name})
    held_until = None
    if form.is_valid():
        try:
            account = login.log_in(request, **form.cleaned_data)
        except LoginHeld as held:
            held_until = held.until
        except NoAnswer:
            form.add_error(None, DIRECTORY_AWAY)
        else:
            if account:
                response = redirect(target or settings.LOGIN_REDIRECT_URL)
                devices.note(request, response, account)
                return response
            form.add_error(
                None,
                _(
                    "Tên đăng nhập hoặc mật khẩu chưa đúng. Hãy tắt bộ gõ tiếng Việt và phím"
                    " Caps Lock rồi nhập lại, hoặc bấm “Quên mật khẩu”."
                ),
            )
    context = {
        "form": form,
        "suggestion": mended(form.data.get("username", "")) if form.errors else "",
        "next": target,
        "held_until": held_until,
        "notices": login_notices.current(),
    }
    return render(request, "access/login.html", context)


@require_safe
def stay(request: HttpRequest) -> JsonResponse:
    """Say until when the session goes on, which this request was a use of."""
    until = sessions.of(request.session).ends_at
    return JsonResponse({"left": seconds_until(until)})


def seconds_until(at: dt.datetime | None) -> int:
    return max(0, int((at - timezone.now()).total_seconds())) if at else 0


@login_not_required
@pages
def log_out(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("accounts:home")
    if isinstance(request.user, Account):
        AuditEvent.record(
            AuditEvent.Event.LOGGED_OUT,
            request.user,
            actor=request.user,
        )
    logout(request)
    messages.success(request, _("Bạn đã đăng xuất."))
    response = redirect("accounts:login")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
