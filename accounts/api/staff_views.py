"""The pages on which IT admits programs, sees which there are, and ends them."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.api import tokens
from accounts.api.forms import ProgramForm
from accounts.api.tokens import Made, NameTaken
from accounts.models import ProgramToken
from accounts.models.right import Right
from accounts.organisation.units import Tree
from accounts.pages.requests import pages, post_only


@require_safe
@staff_page(Right.VIEW_PROGRAMS)
def programs(request: StaffRequest) -> HttpResponse:
    """List the programs: those that may call first, then those whose time is over."""
    tree = Tree()
    labels = dict(ProgramToken.Scope.choices)
    rows = [
        (row, [labels[scope] for scope in row.scopes], tree.path(row.unit_id), tokens.is_live(row))
        for row in ProgramToken.objects.order_by("-made_at", "-pk")
    ]
    rows.sort(key=lambda each: not each[-1])
    context = {"rows": rows, "may_admit": request.user.has_perm(Right.ADD_PROGRAMS)}
    return render(request, "api/programs.html", context)


@sensitive_variables()
@pages
@limit_posts("programs", 30, minutes=10)
@staff_page(Right.ADD_PROGRAMS)
def admit(request: StaffRequest) -> HttpResponse:
    """Make a token, and show it once."""
    form = ProgramForm(request.POST or None, tree=Tree())
    made = _make(request, form) if form.is_valid() else None
    if made:
        return render(request, "api/admitted.html", {"made": made})
    return render(request, "api/admit.html", {"form": form})


@post_only
@limit_posts("programs", 30, minutes=10)
@staff_page(Right.ADD_PROGRAMS)
def end(request: StaffRequest, pk: int) -> HttpResponse:
    """End a token at once."""
    ended = tokens.end(pk, by=request.user)
    if ended is None:
        messages.info(request, _("Khóa này đã được hủy từ trước."))
    else:
        sentence = _("Đã hủy khóa của “%(name)s”: chương trình không gọi được nữa.")
        messages.success(request, sentence % {"name": ended.name})
    return redirect("accounts:programs")


@sensitive_variables()
def _make(request: StaffRequest, form: ProgramForm) -> Made | None:
    """Make one; the form says why none was made."""
    try:
        return tokens.make(**form.cleaned_data, by=request.user)
    except NameTaken:
        form.add_error("name", _("Đã có chương trình tên này. Hãy đặt tên khác."))
    return None
