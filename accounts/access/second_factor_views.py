"""Pages of the second factor: show it, put it into an app, keep recovery codes."""

import datetime as dt

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.access import login
from accounts.access.forms import EnrolForm, TokenForm
from accounts.access.limits import limit_posts
from accounts.access.staff import is_verified_staff, to_second_factor
from accounts.credentials import second_factor
from accounts.credentials.second_factor import NotYet
from accounts.models import Account
from accounts.models.right import Right
from accounts.pages.requests import PersonRequest, own_target, pages

FEW_CODES = "few_codes"  # in the session: how many recovery codes are left, where few are
WRONG_TOKEN = gettext_lazy("Mã chưa đúng hoặc đã dùng. Hãy chờ mã kế tiếp rồi nhập lại.")
FRESH = 600  # seconds since the password was typed, in which an app may be enrolled


@sensitive_post_parameters("token")
@pages
@limit_posts("second-factor", 30, minutes=10)
def ask_second_factor(request: PersonRequest) -> HttpResponse:
    target = own_target(request)
    if not (request.user.is_staff or login.FACTOR_ASKED in request.session):
        return redirect("accounts:home")
    if not second_factor.is_enrolled(request.user):
        return _without_factor(request)
    form = TokenForm(request.POST or None)
    if form.is_valid():
        try:
            right = second_factor.check(request, form.cleaned_data["token"])
        except NotYet as wait:
            form.add_error("token", not_yet(wait))
        else:
            if right:
                request.session.pop(login.FACTOR_ASKED, None)
                _note_few_codes(request)
                return redirect(target or _landing(request.user))
            form.add_error("token", WRONG_TOKEN)
    return render(request, "access/second_factor.html", {"form": form, "next": target})


@sensitive_post_parameters("token")
@sensitive_variables()
@pages
@limit_posts("second-factor", 30, minutes=10)
def enrol(request: PersonRequest) -> HttpResponse:
    """Put the factor into an app, once and right after the password was typed."""
    staff = request.user.is_staff
    if second_factor.is_enrolled(request.user):
        return redirect("accounts:second-factor" if staff else "accounts:factor")
    if not login.password_is_fresh(request.session, within=FRESH):
        logout(request)
        if staff:
            return redirect("accounts:login")
        messages.warning(request, _("Hãy đăng nhập lại rồi bật xác thực hai lớp."))
        return redirect_to_login(request.path_info)
    form = EnrolForm(request.POST or None)
    if form.is_valid():
        try:
            codes = second_factor.enrol(request, form.cleaned_data["token"])
        except NotYet as wait:
            form.add_error("token", not_yet(wait))
        else:
            if codes:
                return _show_codes(request, codes, first=True)
            form.add_error(
                "token", _("Mã chưa đúng. Hãy chờ ứng dụng hiện mã kế tiếp rồi nhập lại.")
            )
    device = second_factor.pending(request.user)
    context = {
        "form": form,
        # Drawn by the library from the secret alone; nothing that was typed is in it.
        "qr": mark_safe(second_factor.qr_code(device)),  # noqa: S308
        "secret": second_factor.secret_of(device),
        "digits": second_factor.APP_DIGITS,
    }
    return render(request, "access/enrol.html", context)


@sensitive_variables()
@pages
def factor(request: PersonRequest) -> HttpResponse:
    """Show how many recovery codes are left, and make new ones; or offer to turn the factor on."""
    if request.user.is_staff and not is_verified_staff(request):
        return to_second_factor(request.path_info)
    if not second_factor.is_enrolled(request.user):
        return render(request, "access/no_factor.html")
    if request.method == "POST":
        if not login.password_is_fresh(request.session, within=FRESH):
            messages.warning(request, _("Hãy đăng nhập lại rồi tạo mã dự phòng mới."))
            logout(request)
            return redirect("accounts:login")
        codes = second_factor.make_recovery_codes(request.user)
        request.session.pop(FEW_CODES, None)
        return _show_codes(request, codes)
    left = second_factor.recovery_codes_left(request.user)
    return render(request, "access/factor.html", {"left": left})


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


def not_yet(wait: NotYet) -> str:
    """Say from when the next code is looked at."""
    # To the next whole second: a wait may be shorter than a minute.
    until = timezone.localtime(wait.until + dt.timedelta(seconds=1))
    return _(
        "Mã này chưa được kiểm tra vì trước đó đã nhập sai. Hãy đợi đến %(time)s, rồi nhập mã đang"
        " hiện trong ứng dụng."
    ) % {"time": f"{until:%H:%M:%S}"}


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
