"""How what staff may change of an account stands, in words that tell each change."""

from django.utils.translation import gettext as _

from accounts.credentials import second_factor
from accounts.models import Account
from accounts.pages.versions import since
from otp import phones
from otp.codes import status
from otp.codes.fates import ASKED_FOR


def of_account(account: Account) -> dict[str, str]:
    """Give what a page of the hotline says that it was drawn from."""
    stands = {
        _("tài khoản"): _whether_open(account),
        _("mật khẩu"): since(_("đổi lúc %(at)s"), account.password_changed_at) or _("chưa đổi"),
        _("số điện thoại"): _number(account),
        _("việc lấy lại mật khẩu"): _recovery(account),
    }
    if account.is_staff or account.has_factor:
        enrolled = second_factor.is_enrolled(account)
        stands[_("xác thực hai lớp")] = _("đã cài đặt") if enrolled else _("chưa cài đặt")
    return stands


def _whether_open(account: Account) -> str:
    if not account.is_active:
        return _("ngừng sử dụng")
    return since(_("bị khóa từ %(at)s"), account.locked_at) or _("đang mở")


def _number(account: Account) -> str:
    words = (
        phones.masked_for_staff(account.phone) or _("chưa có"),
        since(_("đổi lúc %(at)s"), account.phone_changed_at),
        since(_("xác thực lúc %(at)s"), account.phone_confirmed_at),
    )
    return ", ".join(filter(None, words))


def _recovery(account: Account) -> str:
    until = [status.status_of(account.address, purpose).closed_until for purpose in ASKED_FOR]
    closed = max((each for each in until if each), default=None)
    return since(_("đóng đến %(at)s"), closed) or _("đang mở")
