"""Why a row is on record: the words for staff. The row itself keeps the program's short name."""

from django.utils.translation import gettext_lazy as _

from otp.models import Purpose

_WORDS = {
    **{purpose.value: purpose.label for purpose in Purpose},
    "campaign": _("theo chiến dịch"),
    "closed": _("đúng mật khẩu nhưng tài khoản đang khóa hoặc ngừng dùng"),
    "departure": _("nghỉ việc theo lịch"),
    "deputy-removed": _("người thay đã bị xóa"),
    "directory": _("theo danh bạ LDAP"),
    "dismissed": _("người đề nghị không còn là cán bộ hỗ trợ"),
    "done": _("đã xong"),
    "ended": _("không yêu cầu nữa"),
    "enrolment": _("khi bắt đầu xác thực hai lớp"),
    "expired": _("quá hạn"),
    "gateway": _("nhà mạng báo không gửi tới được"),
    "held": _("đang tạm dừng vì nhập sai nhiều lần"),
    "left": _("đã đổi mật khẩu"),
    "lock-approved": _("đồng ý khóa"),
    "lock-withdrawn": _("rút lại đồng ý khóa"),
    "locked": _("đã khóa"),
    "moved-in": _("chuyển từ hệ thống cũ"),
    "off": _("tắt"),
    "on": _("bật"),
    "overtaken": _("số đã đổi trước khi được duyệt"),
    "passkey": _("bằng passkey"),
    "passkey-count": _("passkey đếm lùi: có thể đã bị sao chép"),
    "password": _("sai địa chỉ hoặc mật khẩu"),
    "phone-reminded": _("đã nhắc cập nhật số"),
    "phones-missing": _("danh sách người chưa có số"),
    "program": _("bằng chương trình của CNTT"),
    "recovery-code": _("bằng mã khôi phục"),
    "reminded-now": _("nhắc ngay"),
    "removal-list": _("danh sách đề nghị xóa"),
    "replaced": _("thay bằng đề nghị mới"),
    "terminal": _("bằng lệnh trên máy chủ"),
}
_WARNED = "warned-"


def in_words(reason: str) -> str:
    """Say a reason of the trail; what staff wrote themselves stays as it is."""
    if reason.startswith(_WARNED):
        return str(_("đã báo trước %(days)s ngày") % {"days": reason.removeprefix(_WARNED)})
    return str(_WORDS.get(reason, reason))
