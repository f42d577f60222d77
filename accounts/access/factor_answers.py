"""Whether what was shown of a second factor is right, and what is said where it is not."""

import datetime as dt
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts.access.forms import TokenForm
from accounts.credentials import passkeys, second_factor
from accounts.credentials.second_factor import NotYet

PASSKEY_ANSWER = "passkey_answer"  # filled in by static/js/passkey.js

LAPSED = gettext_lazy("Yêu cầu dùng passkey đã hết hạn. Hãy bấm nút passkey lần nữa.")


@sensitive_variables()
def passkey_is_right(request: HttpRequest, check: Callable[[str], bool]) -> bool:
    """Check the answer that was sent; a message on the next page says what is wrong."""
    try:
        right = check(request.POST[PASSKEY_ANSWER])
    except passkeys.Lapsed:
        messages.error(request, str(LAPSED))
        return False
    except NotYet as wait:
        messages.error(request, not_yet(wait))
        return False
    if not right:
        sentence = _(
            "Passkey này không mở được tài khoản. Hãy thử passkey khác, hoặc nhập mã ở dưới."
        )
        messages.error(request, sentence)
    return right


@sensitive_variables()
def token_is_right(form: TokenForm, check: Callable[[str], bool]) -> bool:
    """Check the code that was typed, once it can be one; the form says what is wrong."""
    try:
        right = check(form.cleaned_data["token"])
    except NotYet as wait:
        form.add_error("token", not_yet(wait))
        return False
    if not right:
        form.add_error("token", _wrong_token(form.cleaned_data["token"]))
    return right


@sensitive_variables()
def _wrong_token(typed: str) -> str:
    """Say of a wrong code what to do: with a phone that shows the next one, or with paper."""
    if second_factor.is_of_app(typed):
        return _(
            "Mã chưa đúng hoặc đã dùng. Hãy chờ mã kế tiếp rồi nhập lại. Nếu vẫn chưa đúng, hãy"
            " bật ngày giờ tự động trên điện thoại."
        )
    return _(
        "Mã chưa đúng hoặc đã dùng. Mã trong ứng dụng gồm đúng %(digits)s chữ số. Mã dự phòng gồm"
        " cả chữ và số, mỗi mã dùng được một lần: hãy xem lại từng ký tự, hoặc nhập mã khác."
    ) % {"digits": second_factor.APP_DIGITS}


def not_yet(wait: NotYet) -> str:
    """Say from when the next code is looked at."""
    # To the next whole second: a wait may be shorter than a minute.
    until = timezone.localtime(wait.until + dt.timedelta(seconds=1))
    return _(
        "Mã này chưa được kiểm tra vì trước đó đã nhập sai. Hãy đợi đến %(time)s, rồi nhập mã đang"
        " hiện trong ứng dụng."
    ) % {"time": f"{until:%H:%M:%S}"}
