"""Get a password back, step by step."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.access import limits, login, proof_of_work
from accounts.access.factor_answers import PASSKEY_ANSWER, passkey_is_right, token_is_right
from accounts.access.limits import limit_posts
from accounts.credentials import app_passwords
from accounts.credentials.policy import RULES
from accounts.pages import fixed
from accounts.pages.requests import pages
from accounts.self_service import password_prompt
from accounts.self_service.forms import (
    PROOF_MISSING,
    AddressForm,
    CodeForm,
    NewPasswordForm,
    RecoveryFactorForm,
    code_error,
)
from accounts.self_service.pending_code import first_look, nonce_for, nonce_of
from accounts.self_service.recovery import Recovery, RecoveryOver
from otp.codes import TooSoon, Verdict
from otp.counting.ceilings import Paused, ProofNeeded
from otp.sentences import duration


def _first_look(request: HttpRequest) -> HttpResponse | None:
    if proof_of_work.was_needed_lately():
        return None
    return first_look(request, "self_service/reset.html", AddressForm)


@fixed.opens_with(_first_look)
@login_not_required
@pages
@limit_posts("reset", 20, minutes=10)
def reset(request: HttpRequest) -> HttpResponse:
    current = Recovery.resume(request.session)
    initial = {"address": current.state.asked if current else ""}
    form = AddressForm(request.POST or None, initial=initial, nonce=nonce_for(request))
    refusal = None
    paused = False
    if form.is_valid():
        proved = proof_of_work.is_done(
            request.POST.get("proof", ""), request.POST.get("ticket", "")
        )
        try:
            recovery = Recovery.start(
                request.session,
                form.cleaned_data["address"],
                proved=proved,
                nonce=nonce_of(request),
                word=form.cleaned_data.get("word", ""),
            )
        except TooSoon as too_soon:
            refusal = too_soon
            if refusal.spent:
                form.ask_for_word()
        except Paused:
            limits.give_back_post("reset")
            paused = True
        except ProofNeeded:
            form.add_error(None, PROOF_MISSING)
        else:
            if current and recovery.state == current.state and recovery.state.live:
                messages.info(request, _("Chưa gửi mã mới: mã đã gửi vẫn còn hiệu lực."))
            return redirect(_step(recovery))
    context = {
        "form": form,
        "refusal": refusal,
        "paused": paused,
        "task": proof_of_work.task(),
        "wait": duration(proof_of_work.WAIT),
    }
    return render(request, "self_service/reset.html", context)


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
            messages.error(request, code_error(answer))
            return redirect("accounts:reset-code")
        form.add_error("code", code_error(answer))
    outlook = recovery.state.outlook()
    context = {
        "form": form,
        "asked": recovery.state.as_of(outlook),
        "address": recovery.state.asked,
        "outlook": outlook,
        "other_ways": settings.CODE_WAYS.are_several,
    }
    return render(request, "self_service/reset_code.html", context)


@login_not_required
@sensitive_post_parameters("token", "passkey_answer")
@pages
@limit_posts("second-factor", 30, minutes=10)
def reset_factor(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor, where there is one: the number alone opens no such account."""
    recovery = Recovery.resume(request.session)
    if recovery is None or recovery.state.has_lapsed or recovery.is_remnant:
        return _start_again(request)
    if not recovery.lacks_factor():
        return redirect(_step(recovery))
    with_passkey = PASSKEY_ANSWER in request.POST
    sent = request.POST if request.method == "POST" and not with_passkey else None
    form = RecoveryFactorForm(sent, step=recovery.state.code_id)
    try:
        if with_passkey:
            right = passkey_is_right(request, recovery.show_passkey)
        else:
            right = form.is_valid() and token_is_right(form, recovery.show_factor)
    except RecoveryOver:
        return _start_again(request)
    if right:
        return redirect("accounts:reset-password")
    if with_passkey:
        return redirect("accounts:reset-factor")
    question = recovery.passkey_question()
    form.stand_beside(question)
    context = {"form": form, "recovery": recovery.state, "passkey": question}
    return render(request, "self_service/reset_factor.html", context)


@login_not_required
@sensitive_post_parameters("new_password1", "new_password2")
@pages
@limit_posts("new-password", 60, minutes=10)
def reset_password(request: HttpRequest) -> HttpResponse:
    recovery = Recovery.resume(request.session)
    if recovery is None or recovery.state.has_lapsed or recovery.is_remnant:
        return _start_again(request)
    before = _step_before_password(recovery)
    if before:
        return redirect(before)
    person = recovery.account()
    form = NewPasswordForm(request.POST or None, step=recovery.state.code_id, person=person)
    if form.is_valid():
        try:
            taken = password_prompt.try_new_password(form, recovery.finish)
        except RecoveryOver:
            return _start_again(request)
        if taken:
            if person:
                login.forget_failures(request, person.address)
                request.session[login.LOG_IN_AS] = recovery.state.asked
            messages.success(request, _what_is_new())
            return redirect("accounts:login")
    if recovery.state.done and not form.is_bound:
        return redirect("accounts:login")
    context = {"form": form, "recovery": recovery.state, "rules": RULES}
    return render(request, "self_service/reset_password.html", context)


def _step(recovery: Recovery) -> str:
    """Name the page where a recovery stands."""
    return "accounts:reset-password" if recovery.state.has_grant else "accounts:reset-code"


def _step_before_password(recovery: Recovery) -> str:
    """Name the page that comes first, as long as one does."""
    if recovery.state.verified_at is None:
        return "accounts:reset-code"
    return "accounts:reset-factor" if recovery.lacks_factor() else ""


def _start_again(request: HttpRequest) -> HttpResponse:
    messages.warning(
        request,
        _("Lần lấy lại mật khẩu trước đã hết thời gian hoặc đã xong. Hãy bắt đầu lại từ đây."),
    )
    return redirect("accounts:reset")


def _what_is_new() -> str:
    """Say where the new password is needed, which is not where app passwords alone open mail."""
    if app_passwords.alone_open_mail():
        return _(
            "Đã đổi mật khẩu. Hãy đăng nhập bằng mật khẩu mới, rồi tạo mật khẩu ứng dụng mới cho"
            " thư trên điện thoại và Outlook."
        )
    return _(
        "Đã đổi mật khẩu. Hãy đăng nhập bằng mật khẩu mới, trên điện thoại và Outlook cũng vậy."
    )
