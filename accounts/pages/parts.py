"""The parts of the pages of the staff: one list for navigation, first page, help and docs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.right import Right

register = template.Library()


@dataclass(frozen=True)
class Part:
    """A page of the staff, with those below it: what it is for, and what it does not do."""

    name: str | Promise
    url_name: str
    right: Right | None  # None: for all of the staff
    purpose: str | Promise
    not_this: str | Promise

    @property
    def href(self) -> str:
        return reverse(self.url_name)


PARTS = (
    Part(
        _("Tổng quan"),
        "admin:index",
        None,
        _(
            "Cho biết hệ thống và các việc đang chờ: số nào cần xem thì có dấu và đường dẫn đến"
            " danh sách."
        ),
        _(
            "Không thay đổi gì. Cán bộ CNTT đơn vị chỉ thấy số của đơn vị mình và cấp dưới; số đếm"
            " tài khoản có thể cũ hơn vài phút."
        ),
    ),
    Part(
        _("Hỗ trợ"),
        "accounts:desk",
        Right.USE_DESK,
        _(
            "Tìm một người, xem vì sao chưa nhận được mã, mã đã đi bằng cách nào (SMS, Zalo, cuộc"
            " gọi) và giúp người đó ngay trong cuộc gọi."
        ),
        _(
            "Không hiện mật khẩu hay mã. Muốn đổi số điện thoại hoặc bỏ xác thực hai lớp thay chủ"
            " hộp thư thì phải có cán bộ thứ hai duyệt."
        ),
    ),
    Part(
        _("Đề nghị chờ duyệt"),
        "accounts:waiting",
        Right.APPROVE_PHONE,
        _("Duyệt hoặc từ chối số điện thoại mới, việc bỏ xác thực hai lớp do cán bộ khác đề nghị."),
        _("Không ai duyệt đề nghị của mình. Chưa có người duyệt thì mọi thứ giữ nguyên."),
    ),
    Part(
        pgettext_lazy("part", "Tài khoản"),
        "admin:accounts_account_changelist",
        Right.VIEW_ACCOUNT,
        _(
            "Xem, lọc, sửa tài khoản; chọn nhiều tài khoản để khóa, mở khóa, đánh dấu mật khẩu mặc"
            " định, gửi thư hoặc xuất danh sách."
        ),
        _(
            "Không hiện và không đặt được mật khẩu; số điện thoại không sửa ở đây. Tìm theo tên"
            " hoặc số ở trang Hỗ trợ."
        ),
    ),
    Part(
        _("Nhập từ tệp"),
        "admin:accounts_load",
        Right.IMPORT_ACCOUNTS,
        _(
            "Thêm và cập nhật nhiều tài khoản từ tệp CSV hoặc XLSX. Tệp được đọc thử, bạn xem trước"
            " rồi mới xác nhận."
        ),
        _(
            "Không xóa và không khóa tài khoản vắng mặt trong tệp; không thay số điện thoại đang"
            " dùng. Chỉ cần một dòng sai, toàn bộ tệp sẽ không được nhập."
        ),
    ),
    Part(
        _("Phiếu kích hoạt"),
        "accounts:slips",
        Right.PRINT_SLIPS,
        _(
            "In phiếu cho người mới để họ tự kích hoạt hộp thư, đăng ký số điện thoại và đặt mật"
            " khẩu."
        ),
        _(
            "Không in lại được phiếu cũ: mã trên phiếu không được lưu lại. Mất phiếu thì hủy và in"
            " phiếu khác."
        ),
    ),
    Part(
        pgettext_lazy("part", "Nghỉ việc"),
        "accounts:departures",
        Right.END_ACCOUNTS,
        _("Hẹn ngày đóng hộp thư của người nghỉ việc và chọn chuyển tiếp hay từ chối thư đến."),
        _("Không xóa tài khoản. Muốn xóa hẳn thì lập đề nghị ở phần Xóa tài khoản."),
    ),
    Part(
        _("Hộp thư tổ chức"),
        "accounts:mailboxes",
        Right.VIEW_REPORTS,
        _("Cho biết ai phụ trách hộp thư của từng tổ chức và bàn giao cho người khác."),
        _("Không bàn giao hộp thư cá nhân. Khi bàn giao, mọi phiên đăng nhập của hộp thư bị đóng."),
    ),
    Part(
        _("Xóa tài khoản"),
        "accounts:removals",
        Right.REMOVE_ACCOUNTS,
        _("Lập danh sách đề nghị xóa, và xác nhận danh sách do cán bộ khác đề nghị."),
        _("Không ai tự xác nhận đề nghị của mình. Đã xác nhận thì không lấy lại được tài khoản."),
    ),
    Part(
        _("Yêu cầu về dữ liệu"),
        "accounts:data-requests",
        Right.ANSWER_REQUESTS,
        _("Trả lời đúng hạn yêu cầu sửa, xóa, hạn chế, phản đối việc dùng dữ liệu cá nhân."),
        _(
            "Không tự sửa hay xóa dữ liệu khi trả lời: việc đó làm ở trang tài khoản hoặc phần Xóa"
            " tài khoản."
        ),
    ),
    Part(
        pgettext_lazy("part", "Chiến dịch"),
        "accounts:campaigns",
        Right.RUN_CAMPAIGNS,
        _("Nhắc đổi mật khẩu mặc định và cập nhật số điện thoại theo lịch, theo từng đơn vị."),
        _("Không khóa ai khi chưa nhắc đủ số lần và chưa có cán bộ đồng ý; không xóa tài khoản."),
    ),
    Part(
        _("Báo cáo"),
        "accounts:reports",
        Right.VIEW_REPORTS,
        _(
            "Số liệu về số điện thoại, mật khẩu mặc định, mã và hoạt động hỗ trợ; tải được từng"
            " bảng."
        ),
        _("Không gồm tài khoản ngừng sử dụng. Các ngày trước chỉ có con số, không có danh sách."),
    ),
    Part(
        _("Nhật ký"),
        "admin:accounts_auditevent_changelist",
        Right.VIEW_AUDIT,
        _("Ai đã làm gì, với tài khoản nào, lúc nào; lọc và xuất CSV."),
        _("Không sửa, không xóa được. Mỗi lần xem nhật ký cũng được ghi lại."),
    ),
    Part(
        pgettext_lazy("part", "Đơn vị"),
        "admin:accounts_unit_changelist",
        Right.VIEW_UNIT,
        _("Cây đơn vị: tên, tên viết tắt và đơn vị cấp trên."),
        _("Không chuyển người sang đơn vị khác: việc đó làm ở trang tài khoản hoặc bằng tệp."),
    ),
    Part(
        _("Thông báo"),
        "admin:accounts_loginnotice_changelist",
        Right.VIEW_LOGIN_NOTICE,
        _("Thông báo hiện trên trang đăng nhập trong một khoảng thời gian."),
        _("Không gửi thư cho ai. Muốn gửi thư thì chọn tài khoản trong danh sách Tài khoản."),
    ),
    Part(
        _("Bắt buộc xác thực hai lớp"),
        "admin:accounts_factordemand_changelist",
        Right.VIEW_FACTOR_DEMAND,
        _(
            "Chọn vai trò hoặc đơn vị, và ngày từ đó ai chưa có xác thực hai lớp phải bật khi đăng"
            " nhập."
        ),
        _("Không áp dụng cho hộp thư tổ chức, thư trên điện thoại và Outlook."),
    ),
    Part(
        _("Giới hạn gửi mã"),
        "admin:otp_brakes_changelist",
        Right.VIEW_CEILINGS,
        _("Giới hạn số tin của toàn hệ thống, và công tắc dừng gửi mã khi có sự cố."),
        _("Không thay đổi số mã một hộp thư được yêu cầu trong ngày."),
    ),
    Part(
        pgettext_lazy("part", "Mã"),
        "admin:otp_code_changelist",
        Right.VIEW_CODES,
        _(
            "Các lượt yêu cầu mã và kết quả của từng lượt. Một mã gửi bằng nhiều cách vẫn là một"
            " lượt."
        ),
        _("Không hiện mã và số điện thoại đầy đủ."),
    ),
    Part(
        _("Tin gửi đi"),
        "admin:otp_message_changelist",
        Right.VIEW_MESSAGES,
        _(
            "Từng tin SMS, Zalo, cuộc gọi đọc mã và thư mà hệ thống gửi đi: đang chờ, đã gửi hay"
            " lỗi."
        ),
        _("Không hiện nội dung tin; không gửi lại được bằng tay."),
    ),
    Part(
        _("Nhà cung cấp SMS"),
        "admin:otp_gatewaystate_changelist",
        Right.VIEW_GATEWAYS,
        _(
            "Nhà cung cấp nào đang dùng, nhà cung cấp nào tạm dừng vì lỗi; gồm cả Zalo (zns) và"
            " cuộc gọi (voice)."
        ),
        _(
            "Không bật, tắt được ở đây: hệ thống tự thử lại; cấu hình và token Zalo do người vận"
            " hành đặt trên máy chủ."
        ),
    ),
    Part(
        _("Chương trình của CNTT"),
        "accounts:programs",
        Right.VIEW_PROGRAMS,
        _(
            "Cấp và hủy khóa để chương trình của CNTT gọi API: làm gì, với đơn vị nào, từ mạng nào;"
            " tạo, sửa webhook để báo cho chương trình khi có việc xảy ra."
        ),
        _(
            "Khóa chỉ hiện một lần khi cấp. Chương trình không xem được mật khẩu, mã, số điện thoại"
            " đầy đủ và không khóa được tài khoản của cán bộ."
        ),
    ),
    Part(
        _("Việc tự chạy"),
        "admin:accounts_upkeep_changelist",
        Right.VIEW_UPKEEP,
        _("Các việc chạy hằng giờ, hằng đêm: lần cuối xong lúc nào, có quá hạn không, lỗi gì."),
        _("Không chạy được bằng tay ở đây: người vận hành chạy lệnh trên máy chủ."),
    ),
)
INDEX, DESK = "admin:index", "accounts:desk"  # above all others by their addresses


def open_to(staff: Any) -> Iterator[Part]:
    """Give the parts that a member of staff may open, in their order."""
    for part in PARTS:
        if part.right is None or staff.has_perm(part.right):
            yield part


def part_of(path: str) -> Part | None:
    """Give the part that an address belongs to: the one whose own address is most of it."""
    found = [part for part in PARTS if path.startswith(part.href)]
    return max(found, key=lambda part: len(part.href), default=None)


@register.inclusion_tag("includes/parts.html", takes_context=True)
def staff_parts(context: Context) -> dict[str, Any]:
    """Draw the navigation on every page of the staff; elsewhere nothing."""
    request = context.get("request")
    if request is None or not _is_of_staff(request):
        return {}
    here = part_of(request.path)
    parts = [
        (part, _current(request.path, part) if part == here else "")
        for part in open_to(request.user)
    ]
    return {"parts": parts}


@register.inclusion_tag("includes/about.html", takes_context=True)
def about_page(context: Context) -> dict[str, Any]:
    """Draw the "?" of a page of the staff: what its part is for, and what it does not do."""
    request = context.get("request")
    if request is None or not _is_of_staff(request):
        return {}
    return {"part": part_of(request.path)}


def _is_of_staff(request: HttpRequest) -> bool:
    # No more is known of whoever meets an error page.
    user = getattr(request, "user", None)
    is_here = request.path.startswith((reverse(INDEX), reverse(DESK)))
    return is_here and bool(getattr(user, "is_staff", False))


def _current(path: str, part: Part) -> str:
    return "page" if path == part.href else "true"


def handbook() -> str:
    """Write docs/can-bo.md: the same words as behind each "?"."""
    lines = [
        "# Các trang của cán bộ",
        "",
        "Mỗi trang dưới `/quan-tri/` và `/ho-tro/` có dấu “?” với cùng nội dung này"
        " (nguồn: `accounts/pages/parts.py`).",
    ]
    for part in PARTS:
        lines += [
            "",
            f"## {part.name}",
            "",
            f"`{part.href}`",
            "",
            f"- Dùng để: {part.purpose}",
            f"- Lưu ý: {part.not_this}",
        ]
    lines += [
        "",
        "## Cách nhận mã",
        "",
        f"`{reverse('accounts:code-way')}`: trang của mỗi người, có ở cơ quan gửi mã bằng nhiều"
        " cách. Đây không phải trang của cán bộ nên không có dấu “?”.",
        "",
        "- Dùng để: Tự chọn nhận mã bằng SMS, Zalo hay cuộc gọi trước: *Thiết lập cấu hình*, *Thông"
        " tin người dùng*, *Đổi cách nhận mã*. Cách đó không tới thì mã tự đi bằng SMS.",
        "- Lưu ý: Cán bộ không chọn thay được. Mã xác thực số điện thoại không đi qua Zalo; từ đối"
        " chiếu và thông báo chỉ đi bằng SMS.",
        "- Khi có người gọi: Trang của người đó ở phần Hỗ trợ nói kết quả của từng cách, ví dụ:"
        " “Zalo: nơi nhận từ chối (số này không có tài khoản Zalo); SMS: nhà mạng đã nhận”. Hãy hỏi"
        " họ đã xem cả Zalo, cuộc gọi nhỡ và tin nhắn SMS chưa.",
    ]
    return "\n".join(lines) + "\n"
