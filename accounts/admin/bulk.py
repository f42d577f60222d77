"""What IT may do to the accounts that are ticked in the list, and the pages that go with it."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from accounts.activation import staff_views as slip_views
from accounts.bulk import views as bulk_views
from accounts.models import Account, Job
from accounts.models.right import Right


class BulkAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The part of the list of accounts that deals with many at a time."""

    actions = (
        *("lock_chosen", "unlock_chosen", "mark_chosen", "leaked_chosen", "notify_chosen"),
        *("slips_for_chosen", "export_csv", "export_xlsx"),
    )

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("nap/", bulk_views.load, name="accounts_load"),
            path("nap/mau.csv", bulk_views.sample, name="accounts_sample"),
            path("nap/mau.xlsx", bulk_views.sample_workbook, name="accounts_sample_workbook"),
            path("cong-viec/<int:pk>/", bulk_views.job_page, name="accounts_job"),
            path("cong-viec/<int:pk>/loi.csv", bulk_views.faults, name="accounts_faults"),
            path("cong-viec/<int:pk>/tep/", bulk_views.returned, name="accounts_returned"),
        ]
        return [*own, *super().get_urls()]

    def has_lock_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Right.LOCK_ACCOUNT)

    def has_mark_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Right.MARK_DEFAULT)

    def has_notice_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Right.SEND_NOTICE)

    def has_slips_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Right.PRINT_SLIPS)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(Right.EXPORT_ACCOUNTS)

    @admin.action(description=_("Khóa tài khoản đã chọn"), permissions=["lock"])
    def lock_chosen(self, request: HttpRequest, chosen: "QuerySet[Account]") -> HttpResponse | None:
        return bulk_views.ask(request, Job.Kind.LOCK, chosen)

    @admin.action(description=_("Mở khóa tài khoản đã chọn"), permissions=["lock"])
    def unlock_chosen(
        self, request: HttpRequest, chosen: "QuerySet[Account]"
    ) -> HttpResponse | None:
        return bulk_views.ask(request, Job.Kind.UNLOCK, chosen)

    @admin.action(description=_("Đánh dấu còn mật khẩu mặc định"), permissions=["mark"])
    def mark_chosen(self, request: HttpRequest, chosen: "QuerySet[Account]") -> HttpResponse | None:
        return bulk_views.ask(request, Job.Kind.MARK_DEFAULT, chosen)

    @admin.action(
        description=_("Mật khẩu có thể đã lộ: đóng hộp thư, bắt buộc đổi"), permissions=["mark"]
    )
    def leaked_chosen(
        self, request: HttpRequest, chosen: "QuerySet[Account]"
    ) -> HttpResponse | None:
        return bulk_views.ask(request, Job.Kind.MARK_DEFAULT, chosen, leaked=True)

    @admin.action(description=_("Gửi thông báo bằng thư"), permissions=["notice"])
    def notify_chosen(
        self, request: HttpRequest, chosen: "QuerySet[Account]"
    ) -> HttpResponse | None:
        return bulk_views.ask(request, Job.Kind.NOTICE, chosen)

    @admin.action(description=_("In phiếu kích hoạt cho người mới"), permissions=["slips"])
    def slips_for_chosen(
        self, request: HttpRequest, chosen: "QuerySet[Account]"
    ) -> HttpResponse | None:
        return slip_views.preview_of(request, chosen)

    @admin.action(description=_("Xuất danh sách (CSV)"), permissions=["export"])
    def export_csv(
        self, request: HttpRequest, chosen: "QuerySet[Account]"
    ) -> HttpResponseBase | None:
        return bulk_views.export(request, chosen, xlsx=False)

    @admin.action(description=_("Xuất danh sách (XLSX)"), permissions=["export"])
    def export_xlsx(
        self, request: HttpRequest, chosen: "QuerySet[Account]"
    ) -> HttpResponseBase | None:
        return bulk_views.export(request, chosen, xlsx=True)
