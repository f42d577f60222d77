"""The desk's pages on which a caller is checked: words are sent, read back and typed."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.credentials.refusals import NotNow
from accounts.hotline import caller_check, recent
from accounts.hotline.forms import CallerForm
from accounts.hotline.overview import moment
from accounts.hotline.people import helped
from accounts.models import Account
from accounts.models.right import Right
from accounts.pages.requests import pages, post_only
from otp.codes import Verdict
from otp.counting.tightening import CallerHeld


@post_only
@pages
@staff_page(Right.CHECK_CALLER)
@limit_posts("caller-check", 60, minutes=10)
def send_words(request: StaffRequest, pk: int) -> HttpResponse:
    account = _called(request.user, pk)
    if caller_check.of(account, by=request.user).tries_left:
        messages.info(request, _("Chưa nhắn từ mới: từ đã nhắn vẫn dùng được."))
        return redirect("accounts:check-caller", pk)
    try:
        caller_check.send(account, by=request.user)
    except NotNow as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(
            request, _("Đã nhắn từ đối chiếu. Đề nghị người gọi đọc lại tin vừa nhận.")
        )
    return redirect("accounts:check-caller", pk)


@sensitive_post_parameters("words")
@sensitive_variables()
@pages
@staff_page(Right.CHECK_CALLER)
@limit_posts("caller-check", 60, minutes=10)
def check_caller(request: StaffRequest, pk: int) -> HttpResponse:
    account = _called(request.user, pk)
    form = CallerForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and (until := _verified_until(request, form, account)):
        sentence = _("%(address)s: đã đối chiếu đúng người gọi, có giá trị đến %(time)s.")
        messages.success(request, sentence % {"address": account.address, "time": moment(until)})
        return redirect("accounts:person", pk)
    context: dict[str, Any] = {
        "form": form,
        "person": account,
        "check": caller_check.of(account, by=request.user),
        "recent": recent.looked_at(request.user),
    }
    return render(request, "hotline/caller.html", context)


@sensitive_variables()
def _verified_until(
    request: StaffRequest, form: CallerForm, account: Account
) -> dt.datetime | None:
    """Try what was typed; say until when it is good, or tell what is wrong with it."""
    try:
        answer = caller_check.check(account, form.cleaned_data["words"], by=request.user)
    except CallerHeld as held:
        sentence = _("Bạn đã nhập sai quá nhiều lần: nhập tiếp được từ %(time)s.")
        form.add_error("words", sentence % {"time": moment(held.until)})
        return None
    if answer.verdict is Verdict.WRONG and answer.tries_left:
        sentence = _("Chưa đúng với tin đã nhắn. Hãy hỏi lại từng từ; còn %(left)s lần nhập.")
        form.add_error("words", sentence % {"left": answer.tries_left})
        return None
    # The button may have been pressed twice: the second press finds words that were right.
    until = caller_check.verified_until(account, by=request.user)
    if until is None:
        sentence = _("Từ đã nhắn không dùng được nữa: hãy nhắn từ mới, hoặc ghi lý do khi giúp.")
        messages.error(request, sentence)
    return until


def _called(staff: Account, pk: int) -> Account:
    if not caller_check.is_in_use():
        raise Http404
    return helped(staff, pk, Right.CHECK_CALLER)
