"""The pages on which IT makes, changes, tries, switches and ends webhooks, and sees their state."""

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.hooks import rules, sending, standing
from accounts.hooks.forms import EditForm, HookForm, host_of
from accounts.hooks.rules import Made, NameTaken, TooMany
from accounts.models import Hook
from accounts.models.right import Right
from accounts.organisation.units import Tree
from accounts.pages.requests import pages, post_only
from otp.sentences import duration

SHOWN = 50  # messages of a webhook


@require_safe
@staff_page(Right.VIEW_HOOKS)
def hooks(request: StaffRequest) -> HttpResponse:
    """List them: those that send first, then those that have ended."""
    tree = Tree()
    rows = [
        (row, tree.path(row.unit_id), standing.in_words(row.outcome))
        for row in standing.all_hooks()
    ]
    context = {"rows": rows, "may_make": request.user.has_perm(Right.ADD_HOOKS)}
    return render(request, "hooks/hooks.html", context)


@require_safe
@staff_page(Right.VIEW_HOOKS)
def hook(request: StaffRequest, pk: int) -> HttpResponse:
    """Show how one fares: its last words, none of which says whom they were of."""
    row = standing.all_hooks().filter(pk=pk).first()
    if row is None:
        raise Http404
    labels = dict(Hook.Event.choices)
    last = [
        (word, standing.in_words(word.outcome)) for word in row.messages.order_by("-pk")[:SHOWN]
    ]
    context = {
        "hook": row,
        "host": host_of(row),
        "unit": Tree().path(row.unit_id),
        "events": [labels[event] for event in row.events],
        "outcome": standing.in_words(row.outcome),
        "words": last,
        "good_for": duration(sending.GOOD_FOR),
        "mark": rules.mark_of(row),
        "may_change": request.user.has_perm(Right.ADD_HOOKS) and row.ended_at is None,
    }
    return render(request, "hooks/hook.html", context)


@sensitive_variables()
@pages
@limit_posts("hooks", 30, minutes=10)
@staff_page(Right.ADD_HOOKS)
def make(request: StaffRequest) -> HttpResponse:
    """Make one, and show its secret once."""
    form = HookForm(request.POST or None, tree=Tree())
    made = _make(request, form) if form.is_valid() else None
    if made:
        return render(request, "hooks/secret.html", {"made": made})
    return render(request, "hooks/make.html", {"form": form})


@sensitive_variables()
@pages
@limit_posts("hooks", 30, minutes=10)
@staff_page(Right.ADD_HOOKS)
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """Change its name, and whom it tells of what; its secret stays."""
    with transaction.atomic():
        row = rules.held(pk) if request.method == "POST" else rules.find(pk)
        if row is None:
            return _over(request)
        form = EditForm(request.POST or None, hook=row, tree=Tree())
        if form.is_valid() and _edit(request, row, form):
            sentence = _("Đã lưu webhook “%(name)s”. Nếu đã đổi địa chỉ, hãy gửi một tin thử.")
            return _done(request, row, lambda row: sentence % {"name": row.name})
    return render(request, "hooks/edit.html", {"form": form, "hook": row})


@sensitive_variables()
@post_only
@limit_posts("hooks", 30, minutes=10)
@staff_page(Right.ADD_HOOKS)
def replace_secret(request: StaffRequest, pk: int) -> HttpResponse:
    """Make a new secret, and show it once."""
    made = rules.replace_secret(pk, seen=request.POST.get("seen", ""), by=request.user)
    if made is None:
        return _over(request)
    return render(request, "hooks/secret.html", {"made": made})


@post_only
@limit_posts("hooks", 30, minutes=10)
@staff_page(Right.ADD_HOOKS)
def ping(request: StaffRequest, pk: int) -> HttpResponse:
    sentence = _("Đã gửi thử. Hãy tải lại trang này sau vài giây để xem máy nhận trả lời gì.")
    return _done(request, rules.ping(pk), lambda _row: sentence)


@post_only
@limit_posts("hooks", 30, minutes=10)
@staff_page(Right.ADD_HOOKS)
def switch(request: StaffRequest, pk: int) -> HttpResponse:
    """Switch it on or off, as the button says."""
    row = rules.switch(pk, on=request.POST.get("on") == "1", by=request.user)
    on, off = _("Đã bật webhook “%(name)s”."), _("Đã tắt webhook “%(name)s”.")
    return _done(request, row, lambda row: (on if row.is_on else off) % {"name": row.name})


@post_only
@limit_posts("hooks", 30, minutes=10)
@staff_page(Right.ADD_HOOKS)
def end(request: StaffRequest, pk: int) -> HttpResponse:
    """End it at once, with what waits."""
    sentence = _("Đã hủy webhook “%(name)s”: không gửi gì nữa.")
    return _done(request, rules.end(pk, by=request.user), lambda row: sentence % {"name": row.name})


def _done(request: StaffRequest, row: Hook | None, sentence: Callable[[Hook], str]) -> HttpResponse:
    if row is None:
        return _over(request)
    messages.success(request, sentence(row))
    return redirect("accounts:hook", row.pk)


def _over(request: StaffRequest) -> HttpResponse:
    messages.info(request, _("Webhook này đã tắt hoặc đã hủy: không có gì thay đổi."))
    return redirect("accounts:hooks")


@sensitive_variables()
def _make(request: StaffRequest, form: HookForm) -> Made | None:
    """Make one; the form says why none was made."""
    try:
        return rules.make(**form.cleaned_data, by=request.user)
    except NameTaken:
        _say_that_it_is_taken(form)
    except TooMany:
        sentence = _("Đã có %(most)s webhook: hãy hủy bớt một webhook không dùng.")
        form.add_error(None, sentence % {"most": rules.MOST_HOOKS})
    return None


@sensitive_variables()
def _edit(request: StaffRequest, row: Hook, form: EditForm) -> bool:
    """Change one; the form says why it was not."""
    try:
        rules.edit(row, **form.cleaned_data, by=request.user)
    except NameTaken:
        _say_that_it_is_taken(form)
        return False
    return True


def _say_that_it_is_taken(form: HookForm) -> None:
    form.add_error("name", _("Đã có webhook tên này. Hãy đặt tên khác."))
