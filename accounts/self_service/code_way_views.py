"""The page on which somebody chooses by which way codes come first."""

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts.access import login
from accounts.access.limits import limit_posts
from accounts.models import Account, AuditEvent
from accounts.pages.requests import PersonRequest, pages
from accounts.self_service import password_prompt
from accounts.self_service.forms import CodeWayForm


@sensitive_post_parameters("password")
@pages
@limit_posts("code-way", 30, minutes=10)
def code_way(request: PersonRequest) -> HttpResponse:
    """Take the choice; as a new number, it needs the password where that was not typed lately."""
    if not settings.CODE_WAYS.are_several:
        raise Http404
    form = CodeWayForm(
        request.POST or None,
        initial={"way": request.user.code_way},
        ask_password=not login.password_is_fresh(request.session, within=settings.PASSWORD_FRESH),
    )
    if form.is_valid() and password_prompt.current_password_is_right(request, form):
        _choose(request.user, form.cleaned_data["way"])
        messages.success(request, _("Đã lưu cách nhận mã."))
        return redirect("accounts:profile")
    return render(request, "self_service/code_way.html", {"form": form})


def _choose(account: Account, way: str) -> None:
    with transaction.atomic():
        others = Account.objects.filter(pk=account.pk).exclude(code_way=way)
        if others.update(code_way=way):
            event = AuditEvent.Event.ACCOUNT_EDITED
            AuditEvent.record(event, account, actor=account, fields=["code_way"])
