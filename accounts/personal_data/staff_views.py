"""The pages on which IT reads what people ask about their data, and answers."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.access.limits import limit_posts
from accounts.access.staff import StaffRequest, staff_page
from accounts.credentials.refusals import NotNow
from accounts.models import Account, AuditEvent, DataRequest
from accounts.models.data_request import DataRequestQuerySet
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.pages.lists import Onward
from accounts.pages.requests import pages, takes_long
from accounts.personal_data import rules
from accounts.personal_data.forms import AnswerForm

RIGHT = Right.ANSWER_REQUESTS
REQUESTS_ON_A_PAGE = 50
OVERDUE, CLOSED = "qua-han", "da-xong"  # of the query
SHOWS = (
    ("", gettext_lazy("Chờ trả lời")),
    (OVERDUE, gettext_lazy("Quá hạn")),
    (CLOSED, gettext_lazy("Đã xong")),
)


@require_safe
@staff_page(RIGHT)
@takes_long
def requests(request: StaffRequest) -> HttpResponse:
    """List what waits for an answer, the most urgent first; or what is overdue, or closed."""
    within = _within(request.user)
    show = request.GET.get("loc", "")
    context = {
        "page": Onward(_shown(within, show), REQUESTS_ON_A_PAGE).get_page(request.GET.get("trang")),
        "show": show,
        "shows": SHOWS,
        "waiting": within.open().count(),
        "overdue": within.overdue().count(),
    }
    return render(request, "personal_data/requests.html", context)


@pages
@limit_posts("data-answer", 60, minutes=10)
@staff_page(RIGHT)
def answer(request: StaffRequest, pk: int) -> HttpResponse:
    asked = get_object_or_404(_within(request.user), pk=pk)
    form = AnswerForm(request.POST or None)
    if form.is_valid():
        try:
            rules.answer(asked, **form.cleaned_data, by=request.user)
        except NotNow as refused:
            form.add_error(None, refused.sentence)
        else:
            messages.success(request, _("Đã trả lời. Người gửi được báo bằng thư."))
            return redirect("accounts:data-requests")
    if request.method == "GET":
        event = AuditEvent.Event.VIEWED
        AuditEvent.record(event, asked.account, actor=request.user, page="data-request")
    context = {"form": form, "asked": asked, "is_own": asked.account_id == request.user.pk}
    return render(request, "personal_data/answer.html", context)


def _within(staff: Account) -> "DataRequestQuerySet":
    found = roles.within(staff, DataRequest.objects.all(), "account__unit")
    return found.select_related("account__unit", "answered_by")


def _shown(within: "DataRequestQuerySet", show: str) -> "DataRequestQuerySet":
    if show == CLOSED:
        return within.filter(closed_at__isnull=False).order_by("-closed_at", "-pk")
    return (within.overdue() if show == OVERDUE else within.open()).order_by("due_on", "pk")
