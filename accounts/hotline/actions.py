"""What staff may do for somebody: in what words, with which right, and when it is offered."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from accounts.credentials import factor_proposals
from accounts.hotline import remedies
from accounts.hotline.overview import Overview
from accounts.models import FactorProposal
from accounts.models.right import Right
from otp.codes import STREAK
from otp.models import GAP
from otp.sentences import duration, with_numbers


@dataclass(frozen=True)
class Action:
    """Something staff may do for somebody: in what words, with which right, and when."""

    slug: str
    right: Right
    title: object
    effect: object  # what happens, and how it is undone
    done: object
    do: Callable[..., object]
    offered: Callable[[Overview], bool]
    remedy: bool = False  # for what the caller is told
    danger: bool = False
    asks_caller: bool = False  # that they read words back, or why they did not
    gives_word: bool = False  # that is read out, and shown once
    key: str = ""  # on the keyboard, where it is among the commonest


ACTIONS = {
    action.slug: action
    for action in (
        Action(
            "cap-them-ma",
            Right.HELP_PERSON,
            gettext_lazy("Cấp thêm một mã hôm nay"),
            with_numbers(
                gettext_lazy(
                    "Người dùng yêu cầu được thêm một mã trong hôm nay, vẫn cách mã trước %(gap)s."
                    " Trang sau hiện một từ để đọc cho người gọi: chỉ ai biết từ đó mới yêu cầu"
                    " được mã này. Mỗi tài khoản chỉ được cấp thêm một lần mỗi ngày."
                ),
                gap=lambda: duration(GAP),
            ),
            gettext_lazy("Đã cấp thêm một mã hôm nay."),
            remedies.give_extra_code,
            lambda seen: seen.may_log_in and seen.codes.is_spent and not seen.extra_today,
            remedy=True,
            asks_caller=True,
            gives_word=True,
            key="m",
        ),
        Action(
            "mo-lai",
            Right.HELP_PERSON,
            gettext_lazy("Mở lại việc lấy lại mật khẩu"),
            with_numbers(
                gettext_lazy(
                    "Xóa số lần nhập sai mã liên tiếp. Số mã trong ngày vẫn tính như cũ. Nếu lại"
                    " nhập sai %(streak)s lần liên tiếp thì hệ thống tự đóng lại."
                ),
                streak=lambda: STREAK,
            ),
            gettext_lazy("Đã mở lại việc lấy lại mật khẩu."),
            remedies.reopen_recovery,
            lambda seen: (
                seen.may_log_in and bool(seen.codes.closed_until or seen.phone_codes.closed_until)
            ),
            remedy=True,
            asks_caller=True,
            key="m",
        ),
        Action(
            "khoa",
            Right.HELP_PERSON,
            gettext_lazy("Khóa tài khoản"),
            gettext_lazy(
                "Mọi phiên đăng nhập và mã còn hiệu lực bị hủy ngay. Mở khóa lại được bất cứ lúc"
                " nào; mật khẩu giữ nguyên."
            ),
            gettext_lazy("Đã khóa tài khoản."),
            remedies.lock,
            lambda seen: seen.may_log_in,
            danger=True,
            key="k",
        ),
        Action(
            "mo-khoa",
            Right.HELP_PERSON,
            gettext_lazy("Mở khóa tài khoản"),
            gettext_lazy(
                "Người dùng đăng nhập trang này lại được bằng mật khẩu cũ; mật khẩu mặc định đã quá"
                " hạn thì phải đổi mới mở được thư. Khóa lại được bất cứ lúc nào."
            ),
            gettext_lazy("Đã mở khóa tài khoản."),
            remedies.unlock,
            lambda seen: seen.is_in_use and not seen.may_log_in,
            remedy=True,
            asks_caller=True,
            key="k",
        ),
        Action(
            "ket-thuc-phien",
            Right.HELP_PERSON,
            gettext_lazy("Kết thúc các phiên đăng nhập"),
            gettext_lazy(
                "Mọi trình duyệt và chương trình thư đang đăng nhập phải đăng nhập lại. Mật khẩu"
                " giữ nguyên; không có gì để hoàn tác."
            ),
            gettext_lazy("Đã kết thúc các phiên đăng nhập."),
            remedies.end_sessions,
            lambda seen: seen.account is not None,
            key="p",
        ),
        Action(
            "bo-xac-thuc",
            Right.PROPOSE_PHONE,
            gettext_lazy("Đề nghị bỏ xác thực hai lớp"),
            with_numbers(
                gettext_lazy(
                    "Chỉ dùng khi người dùng mất cả ứng dụng xác thực, passkey lẫn mã dự phòng. Một"
                    " cán bộ khác phải duyệt trong %(life)s; đến khi duyệt không có gì thay đổi."
                    " Hộp thư được báo ngay khi có đề nghị."
                ),
                life=lambda: duration(FactorProposal.LIFE),
            ),
            gettext_lazy("Đã ghi đề nghị bỏ xác thực hai lớp. Một cán bộ khác phải duyệt."),
            factor_proposals.propose,
            lambda seen: seen.may_log_in and seen.has_own_factor and not seen.factor_waits,
            asks_caller=True,
        ),
        Action(
            "dat-lai-xac-thuc",
            Right.RESET_FACTOR,
            gettext_lazy("Đặt lại xác thực hai lớp"),
            gettext_lazy(
                "Ứng dụng xác thực, passkey và mã dự phòng của đồng nghiệp không còn dùng được. Lần"
                " đăng nhập tới phải cài đặt lại; chủ hộp thư được báo bằng thư."
            ),
            gettext_lazy("Đã đặt lại xác thực hai lớp."),
            remedies.reset_factor,
            lambda seen: bool(seen.account and seen.account.is_staff),
            danger=True,
        ),
    )
}
