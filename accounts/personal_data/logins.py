"""What is stored of how somebody logs in: sessions, devices, mail programs, the second factor."""

from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.access import browsers
from accounts.access.devices import KEPT
from accounts.access.mail_logins import KEPT as MAIL_LOGINS_KEPT
from accounts.models import AppPassword, Device, MailLogin, Passkey, Session, WebmailLogin
from accounts.personal_data import reading
from accounts.personal_data.parts import Column, Part
from otp.sentences import duration

_DEVICE = (
    Column(_("Tên"), "name"),
    Column(_("Đã cài đặt xong"), "confirmed"),
    Column(_("Tạo lúc"), "created_at"),
    Column(_("Dùng gần nhất lúc"), "last_used_at"),
)

LOGINS = (
    Part(
        "phien_dang_nhap",
        _("Phiên đăng nhập đang mở"),
        lambda: _("đến khi phiên kết thúc"),
        "accounts.Session",
        (
            Column(_("Trình duyệt"), "session_data", reading.session_browser),
            Column(_("Địa chỉ IP"), "session_data", reading.of_session("client")),
            Column(_("Đăng nhập lúc"), "created_at"),
            Column(_("Dùng gần nhất lúc"), "seen_at"),
            Column(_("Hết hạn lúc"), "expire_date"),
        ),
        reading.own(Session, "-seen_at"),
        by=("account",),
    ),
    Part(
        "thiet_bi",
        _("Thiết bị đã đăng nhập"),
        lambda: _("%(time)s từ lần đăng nhập cuối") % {"time": duration(KEPT)},
        "accounts.Device",
        (
            Column(_("Trình duyệt"), "browser", lambda row, _: browsers.in_words(row.browser)),
            Column(_("Địa chỉ IP"), "client"),
            Column(_("Lần đầu lúc"), "first_seen_at"),
            Column(_("Lần cuối lúc"), "last_seen_at"),
            Column(_("Bỏ lúc"), "forgotten_at"),
        ),
        reading.own(Device, "-last_seen_at"),
        by=("account",),
    ),
    Part(
        "thu_tren_web",
        _("Đăng nhập thư trên web qua cổng"),
        lambda: _("đến khi phiên kết thúc"),
        "accounts.WebmailLogin",
        (
            Column(_("Trình duyệt"), "browser"),
            Column(_("Địa chỉ IP"), "client"),
            Column(_("Đăng nhập lúc"), "begun_at"),
            Column(_("Dùng gần nhất lúc"), "turned_at"),
            Column(_("Hết hạn lúc"), "ends_at"),
        ),
        reading.own(WebmailLogin, "-begun_at"),
        by=("account",),
    ),
    Part(
        "phan_mem_thu",
        _("Đăng nhập trong phần mềm thư"),
        lambda: duration(MAIL_LOGINS_KEPT),
        "accounts.MailLogin",
        (
            Column(_("Ngày"), "local_day"),
            Column(_("Địa chỉ IP"), "client"),
            Column(_("Giao thức"), "protocol"),
            Column(_("Số lần"), "count"),
            Column(_("Lần đầu lúc"), "first_at"),
            Column(_("Lần cuối lúc"), "last_at"),
        ),
        reading.own(MailLogin, "-last_at"),
        by=("account",),
    ),
    Part(
        "mat_khau_ung_dung",
        _("Mật khẩu ứng dụng"),
        lambda: _("đến khi bị hủy"),
        "accounts.AppPassword",
        (
            Column(_("Tên"), "name"),
            Column(_("Tạo lúc"), "made_at"),
            Column(_("Dùng gần nhất ngày"), "last_used_on"),
            Column(_("Giao thức"), "last_protocol"),
        ),
        reading.own(AppPassword, "-made_at"),
        by=("account",),
    ),
    Part(
        "ung_dung_xac_thuc",
        _("Ứng dụng xác thực hai lớp"),
        reading.with_account,
        "otp_totp.TOTPDevice",
        _DEVICE,
        reading.own(TOTPDevice, "pk", field="user"),
        by=("user",),
    ),
    Part(
        "passkey",
        _("Passkey"),
        reading.with_account,
        "accounts.Passkey",
        (
            Column(_("Tên"), "name"),
            Column(_("Thêm lúc"), "added_at"),
            Column(_("Dùng gần nhất lúc"), "last_used_at"),
        ),
        reading.own(Passkey, "pk", field="user"),
        by=("user",),
    ),
    Part(
        "ma_du_phong",
        _("Mã dự phòng"),
        reading.with_account,
        "otp_static.StaticDevice",
        (
            *_DEVICE,
            Column(_("Số mã còn lại"), "token_set", lambda row, _: row.token_set.count()),
        ),
        reading.own(StaticDevice, "pk", field="user"),
        by=("user",),
    ),
)
