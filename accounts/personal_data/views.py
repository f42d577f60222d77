"""Dữ liệu của tôi: all that is stored, as a page and a file, and one's requests about it."""

import functools
from collections.abc import Callable, Iterator

from django.conf import settings
from django.contrib import messages
from django.db.models import F
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.access import login
from accounts.access.limits import limit_posts
from accounts.credentials.refusals import NotNow
from accounts.models import AuditEvent, DataRequest
from accounts.pages.requests import PersonRequest, pages, post_only, takes_long
from accounts.personal_data import download, rules
from accounts.personal_data.collected import COLLECTED
from accounts.personal_data.forms import DataRequestForm, PasswordForm
from accounts.personal_data.left_out import LEFT_OUT
from accounts.self_service import password_prompt

SHOWN = 10  # rows of each part on the page; the file has them all

View = Callable[..., HttpResponseBase]


def after_password(view: View) -> View:
    """Open a page to whoever typed the password in this session a short while ago (PH-01)."""

    @functools.wraps(view)
    def guarded(request: PersonRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not _password_is_fresh(request):
            return redirect("accounts:my-data")
        return view(request, *args, **kwargs)

    return guarded


@sensitive_post_parameters("password")
@pages
@limit_posts("data", 30, minutes=10)
@takes_long
def my_data(request: PersonRequest) -> HttpResponse:
    if not _password_is_fresh(request):
        return _ask_password(request)
    parts = list(_parts(request))
    asked = DataRequest.objects.filter(account=request.user)
    # What can still be withdrawn comes first; of the rest the page names the newest.
    asked = asked.order_by(F("closed_at").desc(nulls_first=True), "-made_at")[: SHOWN + 1]
    context = {
        "told": [part for part in parts if part["rows"]],
        "empty": [part for part in parts if not part["rows"]],
        "requests": asked[:SHOWN],
        "has_more_requests": len(asked) > SHOWN,
        "left_out": LEFT_OUT,
        "shown": SHOWN,
        "backup_days": settings.BACKUP_KEEP_DAYS,
    }
    return render(request, "personal_data/my_data.html", context)


@post_only
@limit_posts("data", 30, minutes=10)
@after_password
@takes_long
def my_data_file(request: PersonRequest) -> HttpResponseBase:
    """Give all of it away as a file, on record."""
    AuditEvent.record(AuditEvent.Event.DATA_TAKEN, request.user, actor=request.user)
    return download.response(request.user)


@pages
@limit_posts("data", 30, minutes=10)
@after_password
def make_request(request: PersonRequest) -> HttpResponse:
    form = DataRequestForm(request.POST or None)
    if form.is_valid():
        try:
            made = rules.make(request.user, **form.cleaned_data)
        except NotNow as refused:
            form.add_error(None, refused.sentence)
        else:
            messages.success(request, _received(made))
            return redirect("accounts:my-data")
    return render(request, "personal_data/make_request.html", {"form": form})


@post_only
@limit_posts("data", 30, minutes=10)
@after_password
def withdraw_request(request: PersonRequest, pk: int) -> HttpResponse:
    if rules.withdraw(request.user, pk):
        messages.success(request, _("Đã rút lại yêu cầu."))
    else:
        messages.warning(request, _("Yêu cầu này đã được trả lời hoặc đã được rút lại."))
    return redirect("accounts:my-data")


def _password_is_fresh(request: PersonRequest) -> bool:
    return login.password_is_fresh(request.session, within=settings.PASSWORD_FRESH)


def _ask_password(request: PersonRequest) -> HttpResponse:
    form = PasswordForm(request.POST or None)
    if form.is_valid() and password_prompt.current_password_is_right(request, form):
        return redirect("accounts:my-data")
    return render(request, "personal_data/password.html", {"form": form})


def _received(made: DataRequest) -> str:
    due_on = date_format(made.due_on, "DATE_FORMAT")
    return _("Đã nhận yêu cầu. Bạn được trả lời chậm nhất ngày %(day)s.") % {"day": due_on}


def _parts(request: PersonRequest) -> Iterator[dict[str, object]]:
    """Give each part with its first rows, and whether the file has more."""
    for part in COLLECTED:
        if part.key == "yeu_cau":  # on the page above, with what can be done
            continue
        rows = part.first(request.user, SHOWN + 1)
        yield {
            "title": part.title,
            "kept": part.kept(),
            "rows": rows[:SHOWN],
            "has_more": len(rows) > SHOWN,
        }
