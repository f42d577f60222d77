"""What a passkey answered, as a page sends it, and the sentences for what is wrong with it."""

import datetime as dt
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts.credentials import passkeys
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


def not_yet(wait: NotYet) -> str:
    """Say from when the next code is looked at."""
    # To the next whole second: a wait may be shorter than a minute.
    until = timezone.localtime(wait.until + dt.timedelta(seconds=1))
    return _(
        "Mã này chưa được kiểm tra vì trước đó đã nhập sai. Hãy đợi đến %(time)s, rồi nhập mã đang"
        " hiện trong ứng dụng."
    ) % {"time": f"{until:%H:%M:%S}"}
