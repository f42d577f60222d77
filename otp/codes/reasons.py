"""What became of a message, and why: the words for staff."""

from django.utils.translation import gettext_lazy as _

from otp.codes.rule import NUMBER_CAP
from otp.models import Message
from otp.sentences import duration, with_numbers

_WORDS = {
    "decoy": _("không có số điện thoại để gửi tới"),
    "closed": _("đã đóng vì nhập sai nhiều lần"),
    "number-cap": with_numbers(
        _("số điện thoại này đã nhận quá nhiều mã trong %(period)s"),
        period=lambda: duration(NUMBER_CAP.period),
    ),
    "ceiling": _("hệ thống đang tạm dừng gửi mã"),
    "withdrawn": _("đã rút lại trước khi gửi"),
    "abandoned": _("tiến trình gửi tin bị ngắt giữa chừng"),
    "fault": _("lỗi của tiến trình gửi tin"),
    "connect": _("không kết nối được với nơi nhận"),
    "no-answer": _("nơi nhận không trả lời"),
    "unreadable": _("câu trả lời của nơi nhận không đọc được"),
    "call-busy": _("máy bận"),
    "call-no-answer": _("không có người nghe máy"),
    "call-failed": _("không gọi được số này"),
    "call-canceled": _("cuộc gọi bị hủy"),
    "zns-108": _("Zalo không nhận số này"),
    "zns-118": _("số này không có tài khoản Zalo"),
    "zns-119": _("tài khoản Zalo này không nhận được tin"),
    "zns-139": _("chủ tài khoản Zalo không nhận loại tin này"),
    "zns-144": _("đã hết số tin Zalo được gửi trong ngày"),
    "token": _("chưa có token Zalo dùng được"),
    "smtp-connect": _("không kết nối được với máy chủ thư"),
    "smtp-no-answer": _("máy chủ thư không trả lời"),
    "file-full": _("ổ đĩa đã đầy"),
    "file-unwritable": _("không ghi được vào tệp"),
}
# What goes on with the number with which the other side answered, or with another reason.
_BEGINNINGS = {
    "zns-": _("Zalo trả lời mã -%(rest)s"),
    "http-": _("nơi nhận trả lời mã %(rest)s"),
    "smtp-": _("máy chủ thư trả lời mã %(rest)s"),
    "flush-": _("phiên thư đã kết thúc, nhưng máy chủ thư chưa bỏ mật khẩu cũ đang nhớ: %(rest)s"),
}
# The states that name who took the message, where that is no operator of telephones.
_NOT_BY_SMS = {
    Message.State.ACCEPTED: _("nơi nhận đã nhận"),
    Message.State.REJECTED: _("nơi nhận từ chối"),
}


_WAYS = {"sms": "SMS", "zns": "Zalo", "voice": _("cuộc gọi")}


def fate_in_words(message: Message) -> str:
    """Say what became of a message, by each way that it went: "Zalo: …; SMS: nhà mạng đã nhận"."""
    if not message.other_ways:
        return state_in_words(message.state, message.channel)
    others = [(each["way"], each["state"], each["reason"]) for each in message.other_ways]
    each_way = [*others, (message.ways[0], message.state, message.reason)]
    # SMS ends every order; the row itself may tell of a way before it.
    each_way.sort(key=lambda told: told[0] == "sms")
    return "; ".join(_by_way(*told) for told in each_way)


def _by_way(way: str, state: str, reason: str) -> str:
    words = state_in_words(state, Message.Channel.SMS if way == "sms" else way)
    return f"{_WAYS[way]}: {words} ({in_words(reason)})" if reason else f"{_WAYS[way]}: {words}"


def state_in_words(state: str, channel: str) -> str:
    """Say what became of a message that went this way."""
    told = Message.State(state)
    label = told.label if channel == Message.Channel.SMS else _NOT_BY_SMS.get(told, told.label)
    return str(label)


def in_words(reason: str) -> str:
    """Say a reason of the ledger, the outbox or a gateway; a supplier's own stays as it came."""
    if reason in _WORDS:
        return str(_WORDS[reason])
    for beginning, words in _BEGINNINGS.items():
        if reason.startswith(beginning):
            return str(words) % {"rest": in_words(reason.removeprefix(beginning))}
    return reason
