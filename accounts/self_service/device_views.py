"""What is done with the devices under Hoạt động gần đây."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.access import devices
from accounts.access.limits import limit_posts
from accounts.pages.requests import PersonRequest, pages, post_only


@post_only
@pages
@limit_posts("devices", 30, minutes=10)
def forget_device(request: PersonRequest, pk: int) -> HttpResponse:
    if devices.forget(request.user, pk):
        sentence = _("Đã bỏ thiết bị. Lần đăng nhập sau ở đó được báo như từ thiết bị mới.")
        messages.success(request, sentence)
    else:
        messages.info(request, _gone())
    return redirect("accounts:activity")


@post_only
@pages
@limit_posts("devices", 30, minutes=10)
def disown_device(request: PersonRequest, pk: int) -> HttpResponse:
    """End everything that may be another's, and lead to a new password."""
    if not devices.disown(request.user, pk, but=request.session.session_key):
        messages.info(request, _gone())
        return redirect("accounts:activity")
    messages.warning(
        request,
        _(
            "Đã đăng xuất mọi nơi khác, kể cả thư trên điện thoại và Outlook."
            " Hãy đổi mật khẩu ngay: người khác có thể đã biết mật khẩu của bạn."
        ),
    )
    return redirect("accounts:password")


@post_only
@pages
@limit_posts("devices", 30, minutes=10)
def new_device_sms(request: PersonRequest) -> HttpResponse:
    """Turn the SMS about new devices on or off."""
    wanted = "sms" in request.POST
    devices.tell_by_sms(request.user, wanted=wanted)
    sentence = _("Từ nay bạn nhận được tin nhắn khi tài khoản đăng nhập từ thiết bị mới.")
    if not wanted:
        sentence = _("Đã tắt tin nhắn báo; thư báo thiết bị mới vẫn được gửi.")
    messages.success(request, sentence)
    return redirect("accounts:activity")


def _gone() -> str:
    return _("Thiết bị này không còn trong danh sách.")
