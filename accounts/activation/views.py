"""A newcomer's pages: the slip, the number, its code, a password."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.access import limits, login
from accounts.access.limits import limit_posts
from accounts.activation.activation import Activation, ActivationOver
from accounts.activation.forms import WRONG_SLIP, SlipForm
from accounts.credentials.policy import RULES
from accounts.pages import fixed
from accounts.pages.requests import pages
from accounts.self_service import password_prompt
from accounts.self_service.forms import CodeForm, NewPasswordForm, NumberForm, code_error
from accounts.self_service.pending_code import first_look, nonce_for, nonce_of
from otp.codes import TooSoon, Verdict
from otp.counting.ceilings import Paused


def _first_look(request: HttpRequest) -> HttpResponse:
    return first_look(request, "activation/start.html", SlipForm)


@fixed.opens_with(_first_look)
@login_not_required
@sensitive_post_parameters("code")
@pages
@limit_posts("activation", 20, minutes=10)
def start(request: HttpRequest) -> HttpResponse:
    form = SlipForm(request.POST or None, nonce=nonce_for(request))
    if form.is_valid():
        address, code = form.cleaned_data["address"], form.cleaned_data["code"]
        if Activation.start(request.session, address, code):
            return redirect("accounts:activate-number")
        form.add_error("code", WRONG_SLIP)
    return render(request, "activation/start.html", {"form": form})


@login_not_required
@pages
@limit_posts("activation-number", 20, minutes=10)
def number(request: HttpRequest) -> HttpResponse:
    activation = Activation.resume(request.session)
    if activation is None:
        return _start_again(request)
    if activation.state and activation.state.has_grant:
        return redirect("accounts:activate-password")
    form = NumberForm(request.POST or None, nonce=nonce_for(request))
    refusal, paused = None, False
    if form.is_valid():
        try:
            activation.ask(form.cleaned_data["phone"], nonce=nonce_of(request))
        except TooSoon as too_soon:
            refusal = too_soon
        except Paused:
            limits.give_back_post("activation-number")
            paused = True
        else:
            return redirect("accounts:activate-code")
    context = {
        "form": form,
        "activation": activation,
        "refusal": refusal,
        "paused": paused,
        "suggestion": form.suggestion,
    }
    return render(request, "activation/number.html", context)


@login_not_required
@sensitive_post_parameters("code")
@pages
@limit_posts("code", 60, minutes=10)
def code(request: HttpRequest) -> HttpResponse:
    activation = Activation.resume(request.session)
    if activation is None:
        return _start_again(request)
    state = activation.state
    if state is None:
        return redirect("accounts:activate-number")
    if state.has_grant:
        return redirect("accounts:activate-password")
    form = CodeForm(request.POST or None, step=state.code_id)
    if form.is_valid():
        answer = activation.check_code(form.cleaned_data["code"])
        if answer.verdict is Verdict.RIGHT:
            return redirect("accounts:activate-password")
        if not answer.tries_left:
            messages.error(request, code_error(answer))
            return redirect("accounts:activate-code")
        form.add_error("code", code_error(answer))
    outlook = state.outlook()
    context = {
        "form": form,
        "asked": state.as_of(outlook),
        "address": activation.asked,
        "outlook": outlook,
    }
    return render(request, "activation/code.html", context)


@login_not_required
@sensitive_post_parameters("new_password1", "new_password2")
@pages
@limit_posts("new-password", 60, minutes=10)
def password(request: HttpRequest) -> HttpResponse:
    activation = Activation.resume(request.session)
    if activation is None:
        return _start_again(request)
    state = activation.state
    if state is None or not state.has_grant:
        return redirect("accounts:activate-code")
    person = activation.account
    form = NewPasswordForm(request.POST or None, step=state.code_id, person=person)
    if form.is_valid():
        try:
            taken = password_prompt.try_new_password(form, activation.finish)
        except ActivationOver:
            return _start_again(request)
        if taken:
            login.forget_failures(request, person.address)
            request.session[login.LOG_IN_AS] = person.address
            messages.success(
                request, _("Đã kích hoạt tài khoản. Hãy đăng nhập bằng mật khẩu vừa đặt.")
            )
            return redirect("accounts:login")
    context = {"form": form, "activation": activation, "rules": RULES}
    return render(request, "activation/password.html", context)


def _start_again(request: HttpRequest) -> HttpResponse:
    messages.warning(
        request,
        _(
            "Lần kích hoạt trước đã xong hoặc đã hết thời gian. Nếu đã đặt mật khẩu, hãy đăng nhập;"
            " nếu chưa, hãy nhập lại mã trên phiếu."
        ),
    )
    return redirect("accounts:activate")
