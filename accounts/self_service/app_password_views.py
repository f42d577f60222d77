"""The pages of the passwords that somebody makes for mail programs."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.access.limits import limit_posts
from accounts.access.staff import is_verified_staff, to_second_factor
from accounts.credentials import app_passwords as rules
from accounts.credentials.app_passwords import Made, NameTaken, TooMany
from accounts.pages.requests import PersonRequest, pages, post_only
from accounts.self_service import password_prompt
from accounts.self_service.forms import AppPasswordForm

_TAKEN = gettext_lazy("Bạn đã có mật khẩu ứng dụng tên này. Hãy đặt tên khác.")


@sensitive_post_parameters("password")
@sensitive_variables()
@pages
@limit_posts("app-passwords", 30, minutes=10)
def app_passwords(request: PersonRequest) -> HttpResponse:
    """List them, and make a new one, which is shown once."""
    _refuse_where_there_are_none()
    if request.user.is_staff and not is_verified_staff(request):
        return to_second_factor(request.path_info)
    form = AppPasswordForm(request.POST or None)
    if form.is_valid() and password_prompt.current_password_is_right(request, form):
        made = _make(request, form)
        if made:
            context: dict[str, Any] = {"made": made, "mail": request.user.address}
            return render(request, "self_service/app_password.html", context)
    rows = rules.of(request.user)
    context = {
        "form": form,
        "rows": rows,
        "most": rules.MOST,
        "is_full": len(rows) >= rules.MOST,
        "alone": rules.alone_open_mail(),
        "told": rules.uses_are_told(),
    }
    return render(request, "self_service/app_passwords.html", context)


@post_only
@pages
@limit_posts("app-passwords", 30, minutes=10)
def end_app_password(request: PersonRequest, pk: int) -> HttpResponse:
    _refuse_where_there_are_none()
    if request.user.is_staff and not is_verified_staff(request):
        return to_second_factor(request.path_info)
    ended = rules.end(request.user, pk)
    if ended is None:
        messages.info(request, _("Mật khẩu ứng dụng này đã được hủy."))
    else:
        sentence = _("Đã hủy mật khẩu ứng dụng “%(name)s”. Phần mềm dùng nó không mở được thư nữa.")
        messages.success(request, sentence % {"name": ended.name})
    return redirect("accounts:app-passwords")


def _refuse_where_there_are_none() -> None:
    if not rules.are_offered():
        raise Http404


@sensitive_variables()
def _make(request: PersonRequest, form: AppPasswordForm) -> Made | None:
    """Make one; the form says why none was made."""
    try:
        return rules.make(request.user, form.cleaned_data["name"])
    except NameTaken:
        form.add_error("name", _TAKEN)
    except TooMany:
        form.add_error(None, _too_many())
    return None


def _too_many() -> str:
    return _("Bạn đã có %(most)s mật khẩu ứng dụng. Hãy hủy một cái không dùng rồi tạo lại.") % {
        "most": rules.MOST
    }
