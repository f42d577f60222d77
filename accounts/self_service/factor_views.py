"""The page where somebody turns the own second factor off."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.access.limits import limit_posts
from accounts.access.second_factor_views import WRONG_TOKEN, not_yet
from accounts.credentials import second_factor
from accounts.credentials.second_factor import NotYet
from accounts.pages.requests import PersonRequest, pages
from accounts.self_service import password_prompt
from accounts.self_service.forms import TurnOffFactorForm


@sensitive_post_parameters("password", "token")
@pages
@limit_posts("second-factor", 30, minutes=10)
def turn_off_factor(request: PersonRequest) -> HttpResponse:
    """Take the factor away, for the password and a code; staff have to keep theirs."""
    if request.user.is_staff:
        raise Http404
    if not second_factor.is_enrolled(request.user):
        return redirect("accounts:factor")
    form = TurnOffFactorForm(request.POST or None)
    if (
        form.is_valid()
        and password_prompt.current_password_is_right(request, form)
        and _is_turned_off(request, form)
    ):
        messages.success(request, _("Đã tắt xác thực hai lớp."))
        return redirect("accounts:factor")
    return render(request, "self_service/turn_off_factor.html", {"form": form})


@sensitive_variables()
def _is_turned_off(request: PersonRequest, form: TurnOffFactorForm) -> bool:
    try:
        done = second_factor.turn_off(request.user, form.cleaned_data["token"])
    except NotYet as wait:
        form.add_error("token", not_yet(wait))
        return False
    if not done:
        form.add_error("token", WRONG_TOKEN)
    return done
