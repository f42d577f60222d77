"""All that is stored about a person, table by table: what is told, and for how long it is kept."""

import datetime as dt

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import (
    Account,
    ActivationSlip,
    Address,
    CampaignMember,
    DailyHelp,
    DataRequest,
    Departure,
    FactorProposal,
    HookMessage,
    PhoneExcuse,
    PhoneMember,
    PhoneProposal,
    RemovalMember,
)
from accounts.organisation.units import Tree
from accounts.personal_data import reading
from accounts.personal_data.logins import LOGINS
from accounts.personal_data.parts import Column, Part
from otp.models import Code, Message
from otp.sentences import duration
from otp.suppliers import dead_numbers


def _as_codes() -> object:
    return duration(dt.timedelta(days=settings.RETENTION_CODES_DAYS))


def _as_trail() -> object:
    return duration(dt.timedelta(days=settings.AUDIT_RETENTION_DAYS))


COLLECTED: tuple[Part, ...] = (
    Part(
        "tai_khoan",
        _("Tài khoản"),
        reading.with_account,
        "accounts.Account",
        (
            Column(_("Địa chỉ thư"), "address"),
            Column(_("Họ và tên"), "full_name"),
            Column(_("Loại"), "kind"),
            Column(_("Đơn vị"), "unit", lambda row, _: Tree().path(row.unit_id)),
            Column(_("Số điện thoại"), "phone", reading.masked("phone")),
            Column(_("Xác thực số lúc"), "phone_confirmed_at"),
            Column(_("Đổi số lúc"), "phone_changed_at"),
            Column(_("Số bị nghi không còn của bạn từ"), "phone_doubted_at"),
            Column(_("Nhắc xác nhận lại số lúc"), "phone_reminded_at"),
            Column(_("Số mới đang chờ xác nhận"), "new_phone", reading.masked("new_phone")),
            Column(_("Số trước đây, để báo khi bị đổi"), "old_phone", reading.masked("old_phone")),
            Column(_("Còn mật khẩu mặc định"), "has_default_password"),
            Column(_("Nhắn tin khi có thiết bị mới"), "new_device_sms"),
            Column(_("Cách nhận mã đã chọn"), "code_way"),
            Column(_("Mật khẩu mặc định dùng được đến"), "default_password_until"),
            Column(_("Đổi mật khẩu lúc"), "password_changed_at"),
            Column(_("Đăng nhập gần nhất"), "last_login"),
            Column(_("Đang sử dụng"), "is_active"),
            Column(_("Khóa lúc"), "locked_at"),
            Column(_("Là cán bộ hỗ trợ, quản trị"), "is_staff"),
            Column(_("Có toàn quyền"), "is_superuser"),
            Column(_("Vai trò"), "groups", reading.roles),
            Column(_("Tạo lúc"), "created_at"),
        ),
        lambda person: Account.objects.filter(pk=person.pk),
    ),
    Part(
        "dia_chi",
        _("Các địa chỉ của hộp thư"),
        reading.with_account,
        "accounts.Address",
        (
            Column(_("Địa chỉ"), "address"),
            Column(_("Là địa chỉ chính"), "is_main"),
        ),
        reading.own(Address, "-is_main", "address"),
        by=("account",),
    ),
    Part(
        "phu_trach",
        _("Hộp thư tổ chức và người phụ trách"),
        reading.with_account,
        "accounts.Custody",
        (
            Column(_("Hộp thư"), "mailbox", lambda row, _: row.mailbox.address),
            Column(_("Bạn là"), "responsible", reading.task),
            Column(_("Số quyết định"), "decision"),
            Column(_("Từ lúc"), "since"),
        ),
        reading.mailboxes,
        by=("responsible", "deputy"),
    ),
    Part(
        "ma_xac_thuc",
        _("Mã xác thực đã yêu cầu bằng địa chỉ của bạn"),
        _as_codes,
        "otp.Code",
        (
            Column(_("Để làm gì"), "purpose"),
            Column(_("Cấp lúc"), "issued_at"),
            Column(_("Hết hiệu lực lúc"), "expires_at"),
            Column(_("Mã thứ mấy trong ngày"), "ordinal"),
            Column(_("Không tính vào ngày"), "voided"),
            Column(_("Hỗ trợ cấp lại"), "given_back"),
            Column(_("Từ trình duyệt đã quen"), "from_own_browser"),
            Column(_("Số lần nhập"), "attempts"),
            Column(_("Nhập đúng lúc"), "verified_at"),
            Column(_("Dùng lúc"), "used_at"),
            Column(_("Số lần yêu cầu lại quá sớm"), "refused"),
            Column(_("Yêu cầu lại lần đầu lúc"), "refused_first_at"),
            Column(_("Yêu cầu lại lần cuối lúc"), "refused_last_at"),
        ),
        reading.keyed(Code, "issued_at"),
    ),
    Part(
        "tin_nhan",
        _("Tin nhắn và thư của hệ thống về tài khoản này"),
        _as_codes,
        "otp.Message",
        (
            Column(_("Kênh"), "channel"),
            Column(_("Gửi đến"), "to_masked"),
            Column(_("Trạng thái"), "state", reading.state_of_message),
            Column(_("Lý do"), "reason"),
            Column(_("Kết quả của từng cách gửi"), "other_ways", reading.each_way),
            Column(_("Nhà cung cấp"), "gateway"),
            Column(_("Số lần gửi"), "tries"),
            Column(_("Tạo lúc"), "created_at"),
            Column(_("Gửi từ lúc"), "due_at"),
            Column(_("Gửi trước lúc"), "good_until"),
            Column(_("Nhận lúc"), "accepted_at"),
            Column(_("Đổi trạng thái lúc"), "changed_at"),
        ),
        reading.keyed(Message, "created_at"),
    ),
    Part(
        "so_khong_lien_lac_duoc",
        _("Những ngày nhà mạng báo số điện thoại không liên lạc được"),
        lambda: duration(dead_numbers.KEPT),
        "otp.DeadNumberDay",
        (
            Column(_("Ngày"), "local_day"),
            Column(_("Tin nhắn gửi lúc"), "sent_at"),
            Column(_("Lý do của nhà cung cấp"), "reason"),
        ),
        reading.dead_days,
    ),
    Part(
        "bao_cho_chuong_trinh",
        _("Việc về tài khoản này đã báo cho chương trình của CNTT"),
        lambda: duration(HookMessage.KEPT),
        "accounts.HookMessage",
        (
            Column(_("Chương trình"), "hook"),
            Column(_("Việc"), "event"),
            Column(_("Lúc"), "happened_at"),
            Column(_("Trạng thái"), "state"),
            Column(_("Số lần gửi"), "tries"),
            Column(_("Xong lúc"), "settled_at"),
        ),
        reading.keyed(HookMessage, "happened_at"),
    ),
    Part(
        "lich_su",
        _("Nhật ký về tài khoản này"),
        _as_trail,
        "accounts.AuditEvent",
        (
            Column(_("Lúc"), "at"),
            Column(_("Việc"), "event"),
            Column(_("Thành công"), "ok"),
            Column(_("Lý do"), "reason"),
            Column(_("Người làm"), "actor", reading.by_role("actor")),
            Column(_("Địa chỉ IP"), "client"),
            Column(_("Mã yêu cầu"), "request_id"),
        ),
        reading.trail,
        by=("account",),
    ),
    Part(
        "viec_cua_can_bo",
        _("Việc bạn đã làm khi là cán bộ, đếm theo loại"),
        _as_trail,
        "accounts.AuditEvent",
        (
            Column(_("Việc"), "event", reading.event),
            Column(_("Số lần"), "actor", reading.counted("count")),
            Column(_("Lần đầu"), "at", reading.counted("first")),
            Column(_("Lần cuối"), "at", reading.counted("last")),
        ),
        reading.acts,
    ),
    Part(
        "ho_tro",
        _("Hỗ trợ đã nhận ngoài giới hạn"),
        reading.with_account,
        "accounts.DailyHelp",
        (
            Column(_("Ngày"), "local_day"),
            Column(_("Hỗ trợ gì"), "kind"),
            Column(_("Lúc"), "given_at"),
            Column(_("Dùng lúc"), "used_at"),
        ),
        reading.own(DailyHelp, "-given_at"),
        by=("account",),
    ),
    Part(
        "de_nghi_doi_so",
        _("Đề nghị đổi số điện thoại do cán bộ lập"),
        reading.with_account,
        "accounts.PhoneProposal",
        (
            Column(_("Số mới"), "phone_masked"),
            Column(_("Căn cứ"), "evidence"),
            Column(_("Số phiếu"), "ticket"),
            Column(_("Trạng thái"), "state"),
            Column(_("Đề nghị lúc"), "proposed_at"),
            Column(_("Người đề nghị"), "proposed_by", reading.by_role("proposed_by")),
            Column(_("Quyết định lúc"), "decided_at"),
            Column(_("Người quyết định"), "decided_by", reading.by_role("decided_by")),
        ),
        lambda person: reading.with_roles(
            PhoneProposal.objects.filter(account=person).order_by("-proposed_at"),
            "proposed_by",
            "decided_by",
        ),
        by=("account",),
    ),
    Part(
        "de_nghi_bo_xac_thuc",
        _("Đề nghị bỏ xác thực hai lớp do cán bộ lập"),
        reading.with_account,
        "accounts.FactorProposal",
        (
            Column(_("Căn cứ"), "evidence"),
            Column(_("Số phiếu"), "ticket"),
            Column(_("Trạng thái"), "state"),
            Column(_("Đề nghị lúc"), "proposed_at"),
            Column(_("Người đề nghị"), "proposed_by", reading.by_role("proposed_by")),
            Column(_("Quyết định lúc"), "decided_at"),
            Column(_("Người quyết định"), "decided_by", reading.by_role("decided_by")),
        ),
        lambda person: reading.with_roles(
            FactorProposal.objects.filter(account=person).order_by("-proposed_at"),
            "proposed_by",
            "decided_by",
        ),
        by=("account",),
    ),
    Part(
        "yeu_cau",
        _("Yêu cầu của bạn về dữ liệu cá nhân"),
        _as_trail,
        "accounts.DataRequest",
        (
            Column(_("Yêu cầu"), "kind"),
            Column(_("Nội dung"), "text"),
            Column(_("Gửi lúc"), "made_at"),
            Column(_("Hạn trả lời"), "due_on"),
            Column(_("Trạng thái"), "state"),
            Column(_("Trả lời"), "answer"),
            Column(_("Người trả lời"), "answered_by", reading.by_role("answered_by")),
            Column(_("Kết thúc lúc"), "closed_at"),
        ),
        lambda person: reading.with_roles(
            DataRequest.objects.filter(account=person).order_by("-made_at"), "answered_by"
        ),
        by=("account",),
    ),
    Part(
        "chien_dich_mat_khau",
        _("Các lần được nhắc đổi mật khẩu mặc định"),
        reading.with_account,
        "accounts.CampaignMember",
        (
            Column(_("Chiến dịch"), "campaign", lambda row, _: row.campaign.name),
            Column(_("Số lần đã nhắc"), "warnings_sent"),
            Column(_("Nhắc lần đầu"), "first_warned_on"),
            Column(_("Nhắc gần nhất"), "last_warned_on"),
            Column(_("Kết quả"), "outcome"),
            Column(_("Ngày có kết quả"), "decided_on"),
        ),
        lambda person: (
            CampaignMember.objects.filter(account=person).select_related("campaign").order_by("-pk")
        ),
        by=("account",),
    ),
    Part(
        "chien_dich_so_dien_thoai",
        _("Các lần được nhắc cập nhật số điện thoại"),
        reading.with_account,
        "accounts.PhoneMember",
        (
            Column(_("Chiến dịch"), "campaign", lambda row, _: row.campaign.name),
            Column(_("Số lần đã nhắc"), "reminders_sent"),
            Column(_("Nhắc gần nhất"), "last_reminded_on"),
            Column(_("Số lần còn được để sau"), "postponements_left"),
            Column(_("Kết quả"), "outcome"),
            Column(_("Ngày có kết quả"), "decided_on"),
        ),
        lambda person: (
            PhoneMember.objects.filter(account=person).select_related("campaign").order_by("-pk")
        ),
        by=("account",),
    ),
    Part(
        "mien_so_dien_thoai",
        pgettext_lazy("part", "Miễn cập nhật số điện thoại"),
        reading.with_account,
        "accounts.PhoneExcuse",
        (
            Column(_("Lý do"), "reason"),
            Column(_("Miễn lúc"), "excused_at"),
            Column(_("Người cho miễn"), "excused_by", reading.by_role("excused_by")),
        ),
        lambda person: reading.with_roles(
            PhoneExcuse.objects.filter(account=person).order_by("pk"), "excused_by"
        ),
        by=("account",),
    ),
    Part(
        "phieu_kich_hoat",
        _("Phiếu kích hoạt"),
        reading.with_account,
        "accounts.ActivationSlip",
        (
            Column(_("In lúc"), "given_at"),
            Column(_("Dùng được đến"), "good_until"),
            Column(_("Người in"), "given_by", reading.by_role("given_by")),
            Column(_("Dùng lúc"), "used_at"),
            Column(_("Hủy lúc"), "ended_at"),
        ),
        lambda person: reading.with_roles(
            ActivationSlip.objects.filter(account=person).order_by("-given_at"), "given_by"
        ),
        by=("account",),
    ),
    Part(
        "nghi_viec",
        _("Nghỉ việc"),
        reading.with_account,
        "accounts.Departure",
        (
            Column(_("Ngày làm việc cuối"), "last_day"),
            Column(
                _("Chuyển thư đến"),
                "forward_to",
                lambda row, _: row.forward_to.address if row.forward_to else None,
            ),
            Column(_("Số ngày chuyển thư"), "forward_days"),
            Column(_("Câu trả lời người gửi"), "sentence"),
            Column(_("Căn cứ"), "why"),
            Column(_("Lập lúc"), "planned_at"),
            Column(_("Người lập"), "planned_by", reading.by_role("planned_by")),
            Column(_("Đóng lúc"), "shut_at"),
            Column(_("Trước đó còn sử dụng"), "found_open"),
            Column(_("Hủy lúc"), "called_off_at"),
        ),
        lambda person: reading.with_roles(
            Departure.objects.filter(account=person)
            .select_related("forward_to")
            .order_by("-planned_at"),
            "planned_by",
        ),
        by=("account",),
    ),
    Part(
        "de_nghi_xoa",
        pgettext_lazy("part", "Đề nghị xóa tài khoản"),
        reading.with_account,
        "accounts.RemovalMember",
        (
            Column(_("Đề nghị lúc"), "removal", lambda row, _: row.removal.proposed_at),
            Column(_("Đăng nhập gần nhất khi đó"), "last_login"),
            Column(_("Đổi mật khẩu khi đó"), "password_changed_at"),
            Column(_("Kết quả"), "outcome"),
            Column(_("Lý do"), "reason"),
        ),
        reading.own(RemovalMember, "-pk"),
        by=("account",),
    ),
    *LOGINS,
)
