"""The pages on which IT loads files of accounts, confirms work on many, and takes lists away."""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.access.staff import StaffRequest, staff_page
from accounts.bulk import standing, worker
from accounts.bulk.forms import AnswerForm, ImportForm, NoticeForm, WhyForm
from accounts.bulk.progress import progress_of, summary_of
from accounts.credentials.locks import BY_CAMPAIGN, last_locks
from accounts.loading.columns import CHANGEABLE, COLUMNS, EXPORTED, PREVIEWED
from accounts.models.account import Account
from accounts.models.audit_event import AuditEvent, Ground
from accounts.models.job import Job
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.organisation.units import Tree
from accounts.pages.replica import read_replica
from accounts.pages.requests import actor, pages
from accounts.spreadsheets import reading
from accounts.spreadsheets.writing import (
    FAULT_COLUMNS,
    MOST_XLSX,
    csv_response,
    file_response,
    xlsx_response,
)
from otp import phones
from otp.sentences import duration

SHOWN = 50  # faults, and people, on a page
REFRESH = 3  # seconds

PREVIEW = (
    gettext_lazy("Dòng"),
    *(column.preview for column in PREVIEWED.values()),
    gettext_lazy("Kết quả"),
)


def _takes_files(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    # Read by the middleware that refuses what is larger than a form.
    view.largest_body = reading.LARGEST + 64 * 1024  # type: ignore[attr-defined]
    return view


@pages
@staff_page(Right.IMPORT_ACCOUNTS)
@_takes_files
def load(request: StaffRequest) -> HttpResponse:
    """Take a file; what is in it is looked at by another process."""
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ImportForm(*sent, may_confirm=request.user.has_perm(Right.CONFIRM_PHONES))
    if form.is_valid():
        content = form.cleaned_data["file"].read(reading.LARGEST + 1)
        if len(content) <= reading.LARGEST:
            add_units = form.cleaned_data["add_units"]
            job = Job.ask_import(request.user, content, add_units=add_units, vouched=form.vouched())
            return redirect("admin:accounts_job", job.pk)
        form.add_error("file", str(reading.too_large()))
    changeable = [str(COLUMNS[name].preview).lower() for name in CHANGEABLE if name != "phone"]
    context = {
        "form": form,
        "columns": [(column.label, name) for name, column in COLUMNS.items()],
        "changeable": ", ".join(changeable),
        "most_rows": reading.MOST_ROWS,
        "megabytes": reading.LARGEST // 1024**2,
    }
    return _page(request, "bulk/load.html", _("Nhập tài khoản từ tệp"), context)


@require_safe
@staff_page(Right.IMPORT_ACCOUNTS)
def sample(request: StaffRequest) -> HttpResponseBase:
    """Give an empty table with the right headings."""
    header = [column.label for column in COLUMNS.values()]
    return csv_response("mau", header, [])


@require_safe
@staff_page(Right.IMPORT_ACCOUNTS)
def sample_workbook(request: StaffRequest) -> HttpResponseBase:
    """Give the same as a workbook: Excel before 2016 writes no CSV in UTF-8."""
    return xlsx_response("mau", [column.label for column in COLUMNS.values()], [])


@pages
@staff_page(Right.VIEW_ACCOUNT)
def job_page(request: StaffRequest, pk: int) -> HttpResponse:
    """Show what is to be done and how far it is; take the confirmation, or the change of mind."""
    job = _own_job(request, pk)
    is_notice = job.kind == Job.Kind.NOTICE
    form = _form_of(job, request)
    previewed, changed = False, list[Account]()
    if request.method == "POST":
        if "drop" in request.POST:
            return _drop(request, job)
        if "answer" in request.POST:
            return _look_again(request, job)
        is_good = form is None or form.is_valid()
        previewed = is_notice and is_good
        if "confirm" in request.POST and is_good:
            changed = _changed_since(job)
            if not changed:
                return _confirm(request, job, form)
    context = _shown_of(job) | {
        "form": form,
        "is_notice": is_notice,
        "previewed": previewed,
        "changed": [(each.address, standing.words_of(each)) for each in changed[:SHOWN]],
        "changed_count": len(changed),
        "may_confirm": not job.asks and (previewed or not is_notice),
    }
    response = _page(request, "bulk/job.html", job.get_kind_display(), context)
    if job.is_under_way:
        response.headers["Refresh"] = str(REFRESH)
    return response


@require_safe
@staff_page(Right.IMPORT_ACCOUNTS)
def faults(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Give everything that is wrong with a file, as a table."""
    job = _own_job(request, pk)
    return csv_response(f"loi-{job.pk}", FAULT_COLUMNS, job.faults)


@require_safe
@staff_page(Right.IMPORT_ACCOUNTS)
def returned(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Give a file with faults back, with a column that names them."""
    job = _own_job(request, pk)
    if job.returned is None:
        raise Http404
    return file_response(f"tep-co-loi-{job.pk}", bytes(job.returned))


def ask(
    request: HttpRequest, kind: Job.Kind, chosen: QuerySet[Account], **options: object
) -> HttpResponse | None:
    """Begin work on the accounts that were ticked in the list."""
    staff = actor(request)
    # Staff are changed one by one, by those who may change them.
    people = roles.within(staff, chosen.filter(is_staff=False)).order_by("pk")
    seen = {account.pk: standing.version_of(account) for account in people.iterator()}
    if not seen:
        messages.warning(
            request,
            _("Không có tài khoản nào trong số đã chọn dùng được thao tác này. Hãy chọn lại."),
        )
        return None
    job = Job.ask(kind, staff, list(seen), list(seen.values()), **options)
    return redirect("admin:accounts_job", job.pk)


def export(
    request: HttpRequest, chosen: QuerySet[Account], *, xlsx: bool
) -> HttpResponseBase | None:
    """Ask for the ground, then give a list away; who took how many, and of which, is on record."""
    staff = actor(request)
    people = roles.within(staff, chosen).order_by("address")
    read_replica()
    count = people.count()
    if xlsx and count > MOST_XLSX:
        messages.warning(
            request,
            _("Danh sách có hơn %(count)s tài khoản: hãy xuất CSV, Excel cũng mở được.")
            % {"count": MOST_XLSX},
        )
        return None
    form = WhyForm(request.POST if "why" in request.POST else None)
    if not form.is_valid():
        context = {"form": form, "count": count, "sent": _sent_again(request)}
        return _page(request, "bulk/export.html", _("Xuất danh sách tài khoản"), context)
    AuditEvent.record(
        AuditEvent.Event.EXPORTED,
        actor=staff,
        ground=Ground(why=form.cleaned_data["why"]),
        count=count,
        # A search may be somebody's name: only that there was one is kept.
        filter={name: value for name, value in request.GET.items() if name != "q"},
        searched="q" in request.GET,
        format="xlsx" if xlsx else "csv",
    )
    name = f"tai-khoan-{timezone.localdate():%Y%m%d}"
    rows = _lines(people)
    return (xlsx_response if xlsx else csv_response)(name, EXPORTED, rows)


def _sent_again(request: HttpRequest) -> list[tuple[str, str]]:
    """Give what was sent from the list, for the page that asks for the ground to send again."""
    kept = ("action", "select_across", "index", ACTION_CHECKBOX_NAME)
    return [(name, value) for name in kept for value in request.POST.getlist(name)]


def _lines(people: QuerySet[Account]) -> Iterator[list[object]]:
    tree = Tree()
    lockers = _lockers(people)
    for account in people.defer("password").iterator(chunk_size=2000):
        yield [
            account.address,
            account.full_name,
            account.get_kind_display(),
            tree.path(account.unit_id),
            phones.masked_for_staff(account.phone),
            _yes(value=account.phone_is_confirmed),
            _yes(value=account.has_default_password),
            _yes(value=account.is_active),
            account.locked_at,
            account.last_login,
            account.phone_confirmed_at,
            lockers.get(account.pk),
        ]


def _lockers(people: QuerySet[Account]) -> dict[int, str]:
    """Say of those who are locked who did it."""
    found = last_locks(people).values_list("account", "reason", "actor__address")
    by_campaign = _("chiến dịch")
    return {
        pk: by_campaign if reason == BY_CAMPAIGN else address or ""
        for pk, reason, address in found
        if pk is not None
    }


def _yes(*, value: bool) -> str:
    return _("có") if value else _("không")


def _own_job(request: StaffRequest, pk: int) -> Job:
    job = get_object_or_404(Job.objects.defer("file", "returned"), pk=pk, actor=request.user)
    if not request.user.has_perm(job.right):
        raise PermissionDenied
    return job


def _shown_of(job: Job) -> dict[str, Any]:
    """Give what its page says of work on many accounts."""
    people = Account.objects.filter(pk__in=job.accounts[:SHOWN]).order_by("address")
    return {
        "job": job,
        "people": people if job.is_asking else [],
        "faults": job.faults[:SHOWN],
        "left_out": len(job.faults),
        "shown": SHOWN,
        "columns": PREVIEW,
        "progress": progress_of(job),
        "summary": summary_of(job),
        "has_returned": Job.objects.filter(pk=job.pk, returned__isnull=False).exists(),
        "answers": AnswerForm(job).choices if job.is_asking else [],
        "long_wait": duration(Job.LONG_WAIT),
    }


def _drop(request: StaffRequest, job: Job) -> HttpResponse:
    if Job.objects.filter(pk=job.pk, state=Job.State.ASKING).delete()[0]:
        messages.info(request, _("Đã hủy bỏ: không có gì thay đổi."))
    return redirect("admin:accounts_account_changelist")


def _look_again(request: StaffRequest, job: Job) -> HttpResponse:
    """Have a file tried out anew, as somebody answered what was asked about it."""
    form = AnswerForm(job, request.POST)
    if form.is_valid():
        job.look_again(**form.options())
    return redirect("admin:accounts_job", job.pk)


def _form_of(job: Job, request: StaffRequest) -> WhyForm | None:
    """Ask for the ground, and for the letter; of a file, its own page has asked."""
    if job.kind == Job.Kind.IMPORT:
        return None
    form = NoticeForm if job.kind == Job.Kind.NOTICE else WhyForm
    return form(request.POST or None)


def _changed_since(job: Job) -> list[Account]:
    """Give those who were changed since they were shown; from now on they are shown as they are."""
    if job.kind == Job.Kind.IMPORT or not job.is_asking:
        return []
    people = Account.objects.filter(pk__in=job.accounts).order_by("address")
    changed = list(standing.changed_since(job, people.iterator()))
    if changed:
        standing.see_again(job, changed)
    return changed


def _confirm(request: StaffRequest, job: Job, form: WhyForm | None) -> HttpResponse:
    if job.confirm(**(form.cleaned_data if form else {})):
        worker.work_at_once(job)
    return redirect("admin:accounts_job", job.pk)


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    site = admin.site.each_context(request)
    return render(request, template, {**site, "title": title, **context})
