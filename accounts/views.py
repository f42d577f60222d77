"""People's pages: get the state, bind the form, call one rule, answer."""

import functools
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access import login, login_notices, proof_of_work
from accounts.access.limits import limit_posts
from accounts.access.login import Held
from accounts.credentials.passwords import change_password
from accounts.credentials.policy import RULES
from accounts.directory import NoAnswer
from accounts.forms import (
    PROOF_MISSING,
    AddressForm,
    ChangePasswordForm,
    CodeForm,
    LoginForm,
    NewPasswordForm,
    PhoneForm,
)
from accounts.models import Account, AuditEvent, Session
from accounts.self_service import password_prompt
from accounts.self_service.password_prompt import PersonRequest
from accounts.self_service.phone_change import AlreadyInForce, PhoneChange
from accounts.self_service.recovery import Recovery, RecoveryOver
from otp.codes import Answer, TooSoon, Verdict
from otp.counting import pepper
from otp.counting.brakes import Paused, ProofNeeded
from otp.models import Code

pages = require_http_methods(["GET", "HEAD", "POST"])

EVENTS_SHOWN = 50


@pages
def home(request: PersonRequest) -> HttpResponse:
    return render(request, "accounts/home.html")


@login_not_required
@sensitive_post_parameters("password")
@pages
@limit_posts("login", 60, minutes=10)
def log_in(request: HttpRequest) -> HttpResponse:
    target = own_target(request)
    if request.user.is_authenticated:
        return redirect(target or settings.LOGIN_REDIRECT_URL)
    form = LoginForm(request.POST or None)
    held_until = None
    if form.is_valid():
        try:
            account = login.log_in(request, **form.cleaned_data)
        except Held as held:
            held_until = held.until
        except NoAnswer:
            form.add_error(None, password_prompt.AWAY)
        else:
            if account:
                return redirect(target or settings.LOGIN_REDIRECT_URL)
            form.add_error(
                None,
                _(
                    "Tên đăng nhập hoặc mật khẩu chưa đúng. Hãy tắt bộ gõ tiếng Việt và phím"
                    " Caps Lock rồi nhập lại, hoặc bấm “Quên mật khẩu”."
                ),
            )
    context = {
        "form": form,
        "next": target,
        "held_until": held_until,
        "notices": login_notices.current(),
    }
    return render(request, "accounts/login.html", context)


@login_not_required
@pages
def log_out(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("accounts:home")
    if isinstance(request.user, Account):
        AuditEvent.record(
            AuditEvent.Event.LOGGED_OUT,
            request.user.address,
            account=request.user,
            actor=request.user,
        )
    logout(request)
    messages.success(request, _("Bạn đã đăng xuất."))
    response = redirect("accounts:login")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@login_not_required
@pages
@limit_posts("reset", 20, minutes=10)
def reset(request: HttpRequest) -> HttpResponse:
    current = Recovery.resume(request.session)
    initial = {"address": current.state.asked if current else ""}
    form = AddressForm(request.POST or None, initial=initial)
    refusal = None
    paused = False
    if form.is_valid():
        proved = proof_of_work.is_done(
            request.POST.get("proof", ""), request.POST.get("ticket", "")
        )
        try:
            recovery = Recovery.start(request.session, form.cleaned_data["address"], proved=proved)
        except TooSoon as too_soon:
            refusal = too_soon
        except Paused:
            paused = True
        except ProofNeeded:
            form.add_error(None, PROOF_MISSING)
        else:
            if current and recovery.state == current.state and recovery.state.live:
                messages.info(request, _("Chưa gửi mã mới: mã đã gửi vẫn còn hiệu lực."))
            return redirect(_step(recovery))
    context = {"form": form, "refusal": refusal, "paused": paused, "task": proof_of_work.task()}
    return render(request, "accounts/reset.html", context)


@login_not_required
@sensitive_post_parameters("code")
@pages
@limit_posts("code", 60, minutes=10)
def reset_code(request: HttpRequest) -> HttpResponse:
    recovery = Recovery.resume(request.session)
    if recovery is None:
        return _start_again(request)
    if recovery.state.has_grant:
        return redirect("accounts:reset-password")
    form = CodeForm(request.POST or None, step=recovery.state.code_id)
    if form.is_valid():
        answer = recovery.check_code(form.cleaned_data["code"])
        if answer.verdict is Verdict.RIGHT:
            return redirect("accounts:reset-password")
        if not answer.tries_left:
            messages.error(request, _code_error(answer))
            return redirect("accounts:reset-code")
        form.add_error("code", _code_error(answer))
    context = {"form": form, "recovery": recovery.state}
    return render(request, "accounts/reset_code.html", context)


@login_not_required
@sensitive_post_parameters("new_password1", "new_password2")
@pages
@limit_posts("new-password", 60, minutes=10)
def reset_password(request: HttpRequest) -> HttpResponse:
    recovery = Recovery.resume(request.session)
    if recovery is None or recovery.state.has_lapsed:
        return _start_again(request)
    if recovery.state.verified_at is None:
        return redirect("accounts:reset-code")
    person = recovery.account()
    form = NewPasswordForm(request.POST or None, step=recovery.state.code_id, person=person)
    if form.is_valid():
        try:
            taken = password_prompt.taken(form, recovery.finish)
        except RecoveryOver:
            return _start_again(request)
        if taken:
            messages.success(
                request,
                _(
                    "Đã đổi mật khẩu. Hãy đăng nhập bằng mật khẩu mới,"
                    " trên điện thoại và Outlook cũng vậy."
                ),
            )
            return redirect("accounts:login")
    if recovery.state.done and not form.is_bound:
        return redirect("accounts:login")
    context = {"form": form, "recovery": recovery.state, "rules": RULES}
    return render(request, "accounts/reset_password.html", context)


@pages
def settings_menu(request: PersonRequest) -> HttpResponse:
    return render(request, "accounts/settings.html")


@pages
def profile(request: PersonRequest) -> HttpResponse:
    aliases = request.user.addresses.filter(is_main=False).order_by("address")
    context = {"addresses": [request.user.address], "aliases": aliases}
    return render(request, "accounts/profile.html", context)


@sensitive_post_parameters("phone", "password")
@pages
@limit_posts("phone", 30, minutes=10)
def phone(request: PersonRequest, address: str) -> HttpResponse:
    _own_address_or_404(request, address)
    ask_password = not login.password_is_fresh(request.session, within=settings.PASSWORD_FRESH)
    form = PhoneForm(request.POST or None, ask_password=ask_password)
    refusal = None
    paused = False
    if form.is_valid() and password_prompt.confirmed(request, form):
        try:
            change = PhoneChange.start(request.session, request.user, form.cleaned_data["phone"])
        except AlreadyInForce:
            form.add_error("phone", _("Số này đang được dùng và đã xác thực, không cần nhập lại."))
        except TooSoon as too_soon:
            refusal = too_soon
        except Paused:
            paused = True
        else:
            if change is None:
                messages.success(request, _("Đã lưu số điện thoại."))
                return redirect("accounts:profile")
            return redirect("accounts:phone-code", address)
    context = {
        "form": form,
        "address": request.user.address,
        "suggestion": form.suggestion,
        "refusal": refusal,
        "paused": paused,
        "confirmation": settings.PHONE_CONFIRMATION,
    }
    return render(request, "accounts/phone.html", context)


@sensitive_post_parameters("code")
@pages
@limit_posts("code", 60, minutes=10)
def phone_code(request: PersonRequest, address: str) -> HttpResponse:
    _own_address_or_404(request, address)
    change = PhoneChange.resume(request.session, request.user)
    if change is None:
        return redirect("accounts:phone", address)
    form = CodeForm(request.POST or None, step=change.state.code_id)
    if form.is_valid():
        answer = change.check_code(form.cleaned_data["code"])
        if answer.verdict is Verdict.RIGHT:
            messages.success(
                request,
                _("Đã cập nhật số điện thoại. Từ bây giờ mã lấy lại mật khẩu được gửi đến số mới."),
            )
            return redirect("accounts:profile")
        if not answer.tries_left:
            messages.error(request, _code_error(answer))
            return redirect("accounts:phone-code", address)
        form.add_error("code", _code_error(answer))
    context = {"form": form, "change": change.state, "address": request.user.address}
    return render(request, "accounts/phone_code.html", context)


@sensitive_post_parameters("password", "new_password1", "new_password2")
@pages
@limit_posts("password", 30, minutes=10)
def password(request: PersonRequest) -> HttpResponse:
    user = request.user
    this_session = request.session.session_key  # as it is kept until the answer is sent
    form = ChangePasswordForm(request.POST or None, step=str(user.pk), person=user)
    change = functools.partial(
        change_password,
        user,
        event=AuditEvent.Event.PASSWORD_CHANGED,
        keep_session=this_session,
    )
    if (
        form.is_valid()
        and password_prompt.confirmed(request, form)
        and password_prompt.taken(form, change)
    ):
        update_session_auth_hash(request, user)
        request.session.pop(login.TOO_SHORT, None)
        messages.success(request, _("Đã đổi mật khẩu. Các phiên đăng nhập khác đã kết thúc."))
        return redirect("accounts:home")
    context = {"form": form, "rules": RULES, "forced": user.has_default_password}
    context["too_short"] = login.TOO_SHORT in request.session
    return render(request, "accounts/password.html", context)


@pages
def activity(request: PersonRequest) -> HttpResponse:
    user = request.user
    if request.method == "POST":
        with transaction.atomic():
            user.end_sessions(but=request.session.session_key)
            AuditEvent.record(
                AuditEvent.Event.SESSIONS_ENDED, user.address, account=user, actor=user
            )
        messages.success(request, _("Đã đăng xuất các phiên khác."))
        return redirect("accounts:activity")
    context = {"events": _events(user), "sessions": _sessions(request)}
    return render(request, "accounts/activity.html", context)


def _events(user: Account) -> list[dict[str, Any]]:
    """List what happened, newest first, with the codes that were asked for: by whomever."""
    # A call to the hotline is no news to whoever made it; that a whole number was read, is.
    audited = AuditEvent.objects.concerning(user).exclude(event=AuditEvent.Event.VIEWED)
    audited = audited.order_by("-at", "-pk")[:EVENTS_SHOWN]
    keys = pepper.names_of("address", user.address)
    asked = Code.objects.filter(address_key__in=keys).order_by("-issued_at")[:EVENTS_SHOWN]
    events: list[dict[str, Any]] = [
        {"at": row.at, "sentence": row.get_event_display(), "address": row.client, "ok": row.ok}
        for row in audited
    ]
    events += [
        {
            "at": code.issued_at,
            "sentence": _("Yêu cầu gửi mã: %(purpose)s") % {"purpose": code.get_purpose_display()},
            "address": "",
            "ok": True,
        }
        for code in asked
    ]
    return sorted(events, key=lambda event: event["at"], reverse=True)[:EVENTS_SHOWN]


def _sessions(request: PersonRequest) -> list[dict[str, object]]:
    rows = Session.objects.filter(account=request.user, expire_date__gt=timezone.now())
    current = Session.name_of(request.session.session_key or "")
    return [
        {
            "browser": data.get("browser", ""),
            "ip": data.get("client", ""),
            "created_at": row.created_at,
            "seen_at": row.seen_at,
            "current": row.pk == current,
        }
        for row in rows.order_by("-seen_at")
        for data in [request.session.decode(row.session_data)]
    ]


def own_target(request: HttpRequest) -> str:
    """Read where to go afterwards, and only if it is on this host (SE-10)."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # `redirect` would look for a page of that name in whatever does not begin with a slash.
    return target if safe and target.startswith("/") else ""


def _own_address_or_404(request: PersonRequest, address: str) -> None:
    if address != request.user.address:
        raise Http404


def _step(recovery: Recovery) -> str:
    """Name the page where a recovery stands."""
    return "accounts:reset-password" if recovery.state.has_grant else "accounts:reset-code"


def _start_again(request: HttpRequest) -> HttpResponse:
    messages.warning(
        request,
        _("Lần lấy lại mật khẩu trước đã hết thời gian hoặc đã xong. Hãy bắt đầu lại từ đây."),
    )
    return redirect("accounts:reset")


def _code_error(answer: Answer) -> str:
    if answer.verdict is Verdict.SPENT:
        return _("Mã này đã hết hiệu lực hoặc đã được dùng. Hãy yêu cầu mã mới.")
    if not answer.tries_left:
        return _("Mã chưa đúng. Đã nhập sai 5 lần nên mã này không dùng được nữa.")
    return _("Mã chưa đúng. Hãy xem lại tin nhắn mới nhất; còn %(left)s lần nhập.") % {
        "left": answer.tries_left
    }
