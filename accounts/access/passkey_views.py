"""The page on which a passkey is added."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.access.factor_answers import LAPSED
from accounts.access.forms import PasskeyForm
from accounts.access.limits import limit_posts
from accounts.access.second_factor_views import enrolled, what_comes_before_enrolment
from accounts.credentials import passkeys
from accounts.pages.requests import PersonRequest, pages


@sensitive_post_parameters("passkey_answer")
@sensitive_variables()
@pages
@limit_posts("second-factor", 30, minutes=10)
def add_passkey(request: PersonRequest) -> HttpResponse:
    """Add a passkey, right after the password was typed."""
    if not passkeys.are_offered():
        return redirect("accounts:factor")
    before = what_comes_before_enrolment(request)
    if before:
        return before
    named = {"name": request.session.get("browser", "")[: passkeys.LONGEST_NAME]}
    form = PasskeyForm(request.POST or None, initial=named)
    if form.is_valid():
        codes = _added(request, form)
        if codes is not None:
            return enrolled(request, codes, done=_("Đã thêm passkey."))
    if passkeys.of(request.user).count() >= passkeys.MOST:
        messages.error(request, _too_many())
        return redirect("accounts:factor")
    question = passkeys.question_for_new(request.session, request.user)
    return render(request, "access/add_passkey.html", {"form": form, "passkey": question})


@sensitive_variables()
def _added(request: PersonRequest, form: PasskeyForm) -> list[str] | None:
    """Add the passkey that was sent; the form says why it was not added."""
    sent: dict[str, Any] = form.cleaned_data
    try:
        codes = passkeys.add(request, sent["passkey_answer"], name=sent["name"])
    except passkeys.Lapsed:
        form.add_error(None, str(LAPSED))
        return None
    except passkeys.TooMany:
        form.add_error(None, _too_many())
        return None
    if codes is None:
        form.add_error(None, _("Chưa thêm được passkey. Hãy bấm “Tạo passkey” lần nữa."))
    return codes


def _too_many() -> str:
    return _("Tài khoản đã có %(most)s passkey. Hãy bỏ một passkey không dùng nữa trước.") % {
        "most": passkeys.MOST
    }
