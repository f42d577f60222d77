"""What a person is told of a change: by SMS and by mail, never with a link or a secret."""

import datetime as dt
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import Account, DataRequest
from accounts.models.campaign import WARNED_BEFORE
from otp import outbox
from otp.models import Message
from otp.sentences import as_stored

FROM, TO = 8, 20  # hours of the day between which people are warned by SMS

_NOTHING: Mapping[str, object] = {}


def password_changed(account: Account, *, app_passwords: int = 0) -> None:
    """Tell of a new password, also the number that was replaced not long ago (PR-03, PR-05).

    `app_passwords` is how many ended with it.
    """
    phone = account.phone_for_codes or ("" if account.phone_is_in_doubt else account.phone)
    if phone:
        _sms(account, phone, settings.PROFILE.sms.password_changed)
    if account.changed_phone_lately:
        _sms(account, account.old_phone, settings.PROFILE.sms.phone_warning)
    more = {"app_passwords": app_passwords, "opens_mail": settings.APP_PASSWORDS != "only"}
    _mail(account, "password_changed", "Mật khẩu thư điện tử đã được thay đổi", more)


def phone_changed(account: Account, *, replaced: str) -> None:
    """Tell the number before, any that was replaced lately, and the mailbox (PH-04, PH-08)."""
    for phone in {replaced, account.old_phone} - {"", account.phone}:
        _sms(account, phone, settings.PROFILE.sms.phone_changed)
    _mail(account, "phone_changed", "Số điện thoại nhận mã xác thực đã được thay đổi")


def phone_given(account: Account) -> None:
    """Tell the new number too, where its owner did not confirm it with a code (AD-09)."""
    _sms(account, account.phone, settings.PROFILE.sms.phone_changed)


def phone_doubted(account: Account) -> None:
    """Tell the mailbox that its number gets no more codes until it is confirmed again."""
    _mail(account, "phone_doubted", "Hãy xác nhận lại số điện thoại nhận mã xác thực")


def phone_overdue(account: Account, *, wait: dt.timedelta) -> None:
    """Ask the mailbox to confirm its number again; the mail waits for its turn."""
    subject = "Đã đến hạn xác nhận lại số điện thoại nhận mã xác thực"
    _mail(account, "phone_overdue", subject, wait=wait)


def custody_changed(mailbox: Account, *, people: Iterable[Account], handed_over: bool) -> None:
    """Tell a mailbox, and those who were and are responsible for it, who is now."""
    subject = "Thay đổi người phụ trách hộp thư của cơ quan"
    for reader in (mailbox, *people):
        more = {"mailbox": mailbox, "handed_over": handed_over}
        _mail(reader, "custody_changed", subject, more)


def phone_vouched(account: Account, *, wait: dt.timedelta) -> None:
    """Tell the mailbox of a number that counts by IT's word; the mail waits for its turn."""
    subject = "Số điện thoại nhận mã xác thực đã được cán bộ công nghệ thông tin xác nhận"
    _mail(account, "phone_vouched", subject, wait=wait)


def factor_enrolled(account: Account) -> None:
    """Tell a member of staff that an app now opens the staff pages in their name."""
    _mail(account, "factor_enrolled", "Đã cài đặt xác thực hai lớp")


def passkey_added(account: Account, name: str) -> None:
    """Tell that another key now stands in for a code of the app."""
    _mail(account, "passkey_added", "Đã thêm passkey", {"name": name})


def passkey_removed(account: Account, name: str) -> None:
    """Tell that a key opens nothing any longer."""
    _mail(account, "passkey_removed", "Đã bỏ passkey", {"name": name})


def recovery_codes_made(account: Account) -> None:
    """Tell of new recovery codes, each of which stands in for a code of the app."""
    _mail(account, "recovery_codes_made", "Đã tạo mã dự phòng mới")


def factor_turned_off(account: Account) -> None:
    """Tell that the password alone opens the account again."""
    _mail(account, "factor_turned_off", "Đã tắt xác thực hai lớp")


def factor_removal_proposed(account: Account) -> None:
    """Tell that the staff were asked to take the factor away, so that its owner may object."""
    _mail(account, "factor_removal_proposed", "Có đề nghị bỏ xác thực hai lớp")


def factor_reset(account: Account) -> None:
    """Tell that the second factor was taken away by the staff."""
    _mail(account, "factor_reset", "Xác thực hai lớp đã được đặt lại")


def app_password_made(account: Account, *, name: str) -> None:
    """Tell of a new password that opens the mailbox in a mail program."""
    _mail(account, "app_password_made", "Đã tạo mật khẩu ứng dụng mới", {"name": name})


def app_password_ended(account: Account, *, name: str) -> None:
    """Tell that the password of one mail program opens nothing any longer."""
    _mail(account, "app_password_ended", "Đã hủy một mật khẩu ứng dụng", {"name": name})


def app_passwords_ended(account: Account) -> None:
    """Tell that none of the passwords of mail programs opens anything any longer."""
    _mail(account, "app_passwords_ended", "Đã hủy mọi mật khẩu ứng dụng")


def aliases_changed(account: Account, *, added: list[str], removed: list[str]) -> None:
    """Tell the mailbox at which other addresses it now receives, and no longer receives."""
    changes = {"added": added, "removed": removed}
    _mail(account, "aliases_changed", "Các địa chỉ khác của hộp thư đã thay đổi", changes)


def new_device(account: Account, *, browser: str, client: str | None) -> None:
    """Tell of a log-in in a browser that did not know the account: what, where and when."""
    more = {"browser": browser, "client": client}
    _mail(account, "new_device", "Đăng nhập từ thiết bị mới", more)
    wording, phone = settings.PROFILE.sms.new_device, account.phone_for_codes
    if account.new_device_sms and wording and phone:
        _sms(account, phone, wording)


def data_requested(account: Account, request: DataRequest) -> None:
    """Tell the mailbox that a request about its data has arrived, and until when it is due."""
    _mail(account, "data_requested", "Đã nhận yêu cầu về dữ liệu cá nhân", {"request": request})


def data_request_answered(account: Account, request: DataRequest) -> None:
    """Send the mailbox the answer to a request about its owner's data."""
    subject = "Trả lời yêu cầu về dữ liệu cá nhân"
    _mail(account, "data_request_answered", subject, {"request": request})


def default_password(
    account: Account, *, lock_day: dt.date, days: int, wait: dt.timedelta
) -> Message:
    """Warn that the default password must go by `lock_day`; the mail waits for its turn."""
    return outbox.queue_mail(
        account.address,
        to=account.address,
        subject=default_password_subject(lock_day),
        text=default_password_text(account.address, lock_day=lock_day, days=days),
        wait=wait,
    )


def default_password_sms(
    account: Account, *, lock_day: dt.date, wait: dt.timedelta
) -> Message | None:
    """Warn by SMS as well, by day; None where no number gets one, or the office has no wording."""
    wording, phone = settings.PROFILE.sms.default_password, account.phone_for_codes
    if not (wording and phone):
        return None
    text = default_password_wording(wording, lock_day)
    return outbox.queue_sms(account.address, to=phone, text=text, wait=_until_daytime(wait))


@as_stored()
def default_password_wording(wording: str, lock_day: dt.date) -> str:
    """Fill in the office's wording, for the SMS and for IT, who reads it first."""
    day = date_format(lock_day, "DATE_FORMAT")
    return wording.format(day=day, hotline=settings.PROFILE.hotline.number)


def _until_daytime(wait: dt.timedelta) -> dt.timedelta:
    """Lengthen a wait that ends in the evening or at night to the next morning."""
    now = timezone.localtime()
    then = now + wait
    if FROM <= then.hour < TO:
        return wait
    morning = now.replace(hour=FROM, minute=0, second=0, microsecond=0)
    return wait + morning + dt.timedelta(days=then.hour >= TO) - now


@as_stored()
def default_password_subject(lock_day: dt.date) -> str:
    day = date_format(lock_day, "DATE_FORMAT")
    return f"Hãy đổi mật khẩu mặc định trước ngày {day}"


def default_password_text(address: str, *, lock_day: dt.date, days: int) -> str:
    """Word a warning, for the mail and for IT, who reads it first."""
    context = {
        "address": address,
        "lock_day": lock_day,
        "is_last": days == WARNED_BEFORE[-1],
        "profile": settings.PROFILE,
    }
    return _words("default_password", context)


def phone_wanted(account: Account, *, asked_first_from: dt.date, wait: dt.timedelta) -> Message:
    """Remind somebody to give a number, or to confirm it; the mail waits for its turn."""
    return outbox.queue_mail(
        account.address,
        to=account.address,
        subject=phone_wanted_subject(),
        text=phone_wanted_text(account.address, asked_first_from=asked_first_from),
        wait=wait,
    )


def phone_wanted_subject() -> str:
    return "Hãy cập nhật số điện thoại nhận mã xác thực"


def phone_wanted_text(address: str, *, asked_first_from: dt.date) -> str:
    """Word a reminder, for the mail and for IT, who reads it first."""
    context = {
        "address": address,
        "asked_first_from": asked_first_from,
        "profile": settings.PROFILE,
    }
    return _words("phone_wanted", context)


@as_stored()
def _words(template: str, context: dict[str, object]) -> str:
    """Word a mail: plain text, that is no HTML on the pages which show it to IT first."""
    return render_to_string(f"mail/{template}.txt", context) + ""  # no longer marked as safe


@as_stored()
def _sms(account: Account, to: str, wording: str) -> None:
    text = wording.format(
        time=date_format(timezone.localtime(), "SHORT_DATETIME_FORMAT"),
        hotline=settings.PROFILE.hotline.number,
    )
    outbox.queue_sms(account.address, to=to, text=text)


def _mail(
    account: Account,
    template: str,
    subject: str,
    more: Mapping[str, object] = _NOTHING,
    *,
    wait: dt.timedelta = outbox.NO_WAIT,
) -> None:
    context = {"account": account, "now": timezone.now(), "profile": settings.PROFILE}
    text = _words(template, context | dict(more))
    outbox.queue_mail(account.address, to=account.address, subject=subject, text=text, wait=wait)
