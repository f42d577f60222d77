"""The pages where somebody turns the own second factor off, or removes a passkey."""

from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.access import login
from accounts.access.factor_answers import token_is_right
from accounts.access.limits import limit_posts
from accounts.access.staff import is_verified_staff, to_second_factor
from accounts.credentials import factor_proposals, passkeys, second_factor
from accounts.models import Passkey
from accounts.organisation import factor_demands
from accounts.pages.requests import PersonRequest, pages
from accounts.self_service import password_prompt
from accounts.self_service.forms import RemovePasskeyForm, TurnOffFactorForm


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
    # A proposal of before must not take away what is turned on afterwards.
    turn_off = partial(second_factor.turn_off, request.user, also=factor_proposals.drop_for)
    if (
        form.is_valid()
        and password_prompt.current_password_is_right(request, form)
        and token_is_right(form, turn_off)
    ):
        messages.success(request, _("Đã tắt xác thực hai lớp."))
        if factor_demands.is_due(request.user):
            request.session[login.FACTOR_DEMANDED] = True
        return redirect("accounts:factor")
    return render(request, "self_service/turn_off_factor.html", {"form": form})


@sensitive_post_parameters("password")
@pages
@limit_posts("second-factor", 30, minutes=10)
def remove_passkey(request: PersonRequest, pk: int) -> HttpResponse:
    """Remove one passkey, for the password; not the last factor there is."""
    if request.user.is_staff and not is_verified_staff(request):
        return to_second_factor(request.path_info)
    passkey = get_object_or_404(passkeys.of(request.user), pk=pk)
    form = RemovePasskeyForm(request.POST or None)
    this_session = request.session.session_key  # the right password changes it
    if form.is_valid() and password_prompt.current_password_is_right(request, form):
        return _removed(request, passkey, this_session)
    return render(request, "self_service/remove_passkey.html", {"form": form, "removed": passkey})


def _removed(request: PersonRequest, passkey: Passkey, this_session: str | None) -> HttpResponse:
    try:
        passkeys.remove(request.user, passkey.pk, keep_session=this_session)
    except passkeys.LastOne:
        messages.error(request, _last_one(staff=request.user.is_staff))
    except Passkey.DoesNotExist:
        messages.info(request, _("Passkey này đã được bỏ."))
    else:
        messages.success(request, _("Đã bỏ passkey."))
    return redirect("accounts:factor")


def _last_one(*, staff: bool) -> str:
    if staff:
        return _(
            "Đây là cách xác thực hai lớp duy nhất của bạn. Hãy thêm passkey khác hoặc cài ứng dụng"
            " xác thực trước khi bỏ."
        )
    return _(
        "Đây là cách xác thực hai lớp duy nhất của bạn. Hãy thêm cách khác trước, hoặc bấm “Tắt xác"
        " thực hai lớp”."
    )
