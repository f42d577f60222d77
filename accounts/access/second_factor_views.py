"""Pages of the second factor: show it, put it into an app, keep recovery codes."""

from functools import partial

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.access import login
from accounts.access.factor_answers import (
    PASSKEY_ANSWER,
    not_yet,
    passkey_is_right,
    token_is_right,
)
from accounts.access.forms import EnrolForm, TokenForm
from accounts.access.limits import limit_posts
from accounts.access.staff import is_verified_staff, to_second_factor
from accounts.credentials import passkeys, second_factor
from accounts.credentials.second_factor import NotYet
from accounts.models import Account
from accounts.models.right import Right
from accounts.pages.requests import PersonRequest, own_target, pages

FEW_CODES = "few_codes"  # in the session: how many recovery codes are left, where few are
FRESH = 600  # seconds since the password was typed, in which an app may be enrolled


@sensitive_post_parameters("token", "passkey_answer")
@pages
@limit_posts("second-factor", 30, minutes=10)
def ask_second_factor(request: PersonRequest) -> HttpResponse:
    target = own_target(request)
    if not (request.user.is_staff or login.FACTOR_ASKED in request.session):
        return redirect("accounts:home")
    if not second_factor.is_enrolled(request.user):
        return _without_factor(request)
    with_passkey = PASSKEY_ANSWER in request.POST
    form = TokenForm(request.POST if request.method == "POST" and not with_passkey else None)
    if with_passkey:
        right = passkey_is_right(request, lambda answer: passkeys.check(request, answer))
    else:
        right = form.is_valid() and token_is_right(form, partial(second_factor.check, request))
    if right:
        request.session.pop(login.FACTOR_ASKED, None)
        _note_few_codes(request)
        return redirect(target or _landing(request.user))
    if with_passkey:
        return to_second_factor(target)
    question = passkeys.question(request.session, request.user, purpose=passkeys.LOGGING_IN)
    form.stand_beside(question)
    context = {
        "form": form,
        "next": target,
        "passkey": question,
        "has_app": second_factor.has_app(request.user),
    }
    return render(request, "access/second_factor.html", context)


@sensitive_post_parameters("token")
@sensitive_variables()
@pages
@limit_posts("second-factor", 30, minutes=10)
def enrol(request: PersonRequest) -> HttpResponse:
    """Put the factor into an app, once and right after the password was typed."""
    if second_factor.has_app(request.user):
        return redirect("accounts:second-factor" if request.user.is_staff else "accounts:factor")
    before = what_comes_before_enrolment(request)
    if before:
        return before
    form = EnrolForm(request.POST or None)
    if form.is_valid():
        try:
            codes = second_factor.enrol(request, form.cleaned_data["token"])
        except NotYet as wait:
            form.add_error("token", not_yet(wait))
        else:
            if codes is not None:
                return enrolled(request, codes, done=_("Đã cài đặt ứng dụng xác thực."))
            form.add_error(
                "token",
                _(
                    "Mã chưa đúng. Hãy chờ ứng dụng hiện mã kế tiếp rồi nhập lại. Nếu vẫn chưa"
                    " đúng, hãy bật ngày giờ tự động trên điện thoại."
                ),
            )
    device = second_factor.pending(request.session, request.user)
    context = {
        "form": form,
        # Drawn by the library from the secret alone; nothing that was typed is in it.
        "qr": mark_safe(second_factor.qr_code(device)),  # noqa: S308
        "secret": second_factor.secret_of(device),
        "digits": second_factor.APP_DIGITS,
        "may_use_passkey": passkeys.are_offered() and not second_factor.is_enrolled(request.user),
    }
    return render(request, "access/enrol.html", context)


@sensitive_variables()
@pages
def factor(request: PersonRequest) -> HttpResponse:
    """Show how many recovery codes are left, and make new ones; or offer to turn the factor on."""
    if request.user.is_staff and not is_verified_staff(request):
        return to_second_factor(request.path_info)
    if not second_factor.is_enrolled(request.user):
        offered = {"passkeys_are_offered": passkeys.are_offered()}
        return render(request, "access/no_factor.html", offered)
    if request.method == "POST":
        if not login.password_is_fresh(request.session, within=FRESH):
            messages.warning(request, _("Hãy đăng nhập lại rồi tạo mã dự phòng mới."))
            logout(request)
            return redirect("accounts:login")
        codes = second_factor.make_recovery_codes(request.user)
        request.session.pop(FEW_CODES, None)
        return _show_codes(request, codes)
    context = {
        "left": second_factor.recovery_codes_left(request.user),
        "has_app": second_factor.has_app(request.user),
        "passkeys": passkeys.of(request.user),
        "passkeys_are_offered": passkeys.are_offered(),
    }
    return render(request, "access/factor.html", context)


def what_comes_before_enrolment(request: PersonRequest) -> HttpResponse | None:
    """Lead to the factor that is there, or to the log-in; None for who may enrol another now."""
    staff = request.user.is_staff
    if staff and second_factor.is_enrolled(request.user) and not is_verified_staff(request):
        return to_second_factor(request.path_info)
    if login.password_is_fresh(request.session, within=FRESH):
        return None
    logout(request)
    if staff:
        return redirect("accounts:login")
    messages.warning(request, _("Hãy đăng nhập lại rồi bật xác thực hai lớp."))
    return redirect_to_login(request.path_info)


@sensitive_variables()
def enrolled(request: PersonRequest, codes: list[str], *, done: str) -> HttpResponse:
    """Show the recovery codes that were made with a factor; where none were, say it is done."""
    if codes:
        return _show_codes(request, codes, first=True)
    messages.success(request, done)
    return redirect("accounts:factor")


@sensitive_variables()
def _show_codes(request: PersonRequest, codes: list[str], *, first: bool = False) -> HttpResponse:
    """Show codes that are kept nowhere: to print, copy or keep as a file, now and not again."""
    lines = [_("Mã dự phòng của %(address)s") % {"address": request.user.address}, *codes]
    context = {"codes": codes, "first": first, "text": "\n".join(lines)}
    return render(request, "access/recovery_codes.html", context)


def _note_few_codes(request: PersonRequest) -> None:
    """Have the pages of this session say so where hardly any recovery code is left."""
    left = second_factor.few_recovery_codes(request.user)
    if left is not None:
        request.session[FEW_CODES] = str(left)  # "0" too is something to say


def _without_factor(request: PersonRequest) -> HttpResponse:
    """Lead on whoever has no factor (any longer): it may have been taken away meanwhile."""
    if request.session.pop(login.FACTOR_ASKED, None):
        return redirect(settings.LOGIN_REDIRECT_URL)
    return redirect("accounts:enrol")


def _landing(account: Account) -> str:
    """Name the page on which somebody begins."""
    if not account.is_staff:
        return settings.LOGIN_REDIRECT_URL
    return "admin:index" if account.has_perm(Right.VIEW_ACCOUNT) else "accounts:desk"
