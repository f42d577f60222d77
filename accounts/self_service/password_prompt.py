"""Tries the password that a form holds, the present or a new one; the form says what is wrong."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts.access import login, sessions
from accounts.access.login import FAILURES, LoginHeld
from accounts.directory import NoAnswer
from accounts.models import Account
from accounts.pages.forms import DIRECTORY_AWAY, PortalForm
from accounts.pages.requests import PersonRequest
from accounts.self_service import repeats
from accounts.self_service.forms import WRONG_PASSWORD, NewPasswordForm
from otp.counting import limits

NOT_WRITTEN = gettext_lazy("Máy chủ thư chưa nhận mật khẩu mới, hãy thử lại sau ít phút.")


def current_password_is_right(request: PersonRequest, form: PortalForm) -> bool:
    """Check the current password where the form asks for it; the form says what is wrong."""
    if "password" not in form.fields:
        return True
    try:
        right = login.confirm_password(request, request.user, form.cleaned_data["password"])
    except LoginHeld as held:
        form.add_error(
            "password",
            _("Đã nhập sai nhiều lần. Hãy thử lại sau %(time)s.")
            % {"time": date_format(timezone.localtime(held.until), "TIME_FORMAT")},
        )
        return False
    except NoAnswer:
        form.add_error("password", DIRECTORY_AWAY)
        return False
    if not right:
        form.add_error("password", WRONG_PASSWORD)
        return False
    sessions.of(request.session).renew(leaving=repeats.remnant_of(request.user))
    login.note_password_typed(request.session)
    return True


@sensitive_variables("password")
def was_set_already(account: Account, password: str) -> bool:
    """Whether this very change was made just now, by a request whose answer was lost.

    The comparison counts as any other try at the password.
    """
    if not repeats.was_changed_lately(account):
        return False
    if not limits.charge(FAILURES, account.address).granted:
        return False
    try:
        was_set = account.check_password(password)
    except NoAnswer:
        return False
    if was_set:
        limits.give_back(FAILURES, account.address)
    return was_set


@sensitive_variables()
def try_new_password(form: NewPasswordForm, change: Callable[[str], object]) -> bool:
    """Make the change with the new password; the form says why it was not made."""
    try:
        change(form.cleaned_data["new_password1"])
    except ValidationError as refused:
        form.add_error("new_password1", refused)
    except NoAnswer:
        form.add_error(None, NOT_WRITTEN)
    return form.is_valid()
