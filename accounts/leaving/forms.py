"""What IT types when somebody leaves."""

import datetime as dt
import unicodedata
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.addresses import AddressError, canonical
from accounts.leaving.rules import NO_MAILBOX, NOT_THEIRS
from accounts.models import Account
from accounts.pages.forms import Day, PortalForm, Text, address_error
from accounts.pages.staff_fields import KeptWords, ground_field
from otp.sentences import with_numbers

LONGEST_SENTENCE = 200  # characters
MOST_DAYS = 365  # of forwarding
USUAL_DAYS = 30
FURTHEST = dt.timedelta(days=365)
_SENTENCE = "Nguoi nay da nghi viec, hop thu khong con duoc su dung."


class DepartureForm(PortalForm):
    address = Text(
        label=_("Địa chỉ thư của người nghỉ việc"),
        error_messages={"required": _("Hãy nhập địa chỉ thư của người nghỉ việc.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    last_day = Day(
        label=_("Ngày làm việc cuối"),
        help_text=_("Ngày/tháng/năm, ví dụ 31/12/2026. Tài khoản được đóng khi hết ngày này."),
        error_messages={"required": _("Hãy ghi ngày làm việc cuối.")},
    )
    forward_to = Text(
        label=_("Chuyển thư đến hộp thư của đơn vị"),
        required=False,
        help_text=_("Hộp thư loại tổ chức. Để trống thì thư gửi đến bị từ chối ngay."),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    forward_days = forms.IntegerField(
        label=_("Số ngày chuyển thư"),
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        initial=USUAL_DAYS,
        help_text=with_numbers(
            _("Nhiều nhất %(most)s ngày; sau đó thư bị từ chối."), most=lambda: MOST_DAYS
        ),
        error_messages={
            "invalid": _("Hãy nhập số ngày."),
            "min_value": _("Hãy nhập ít nhất %(limit_value)s ngày."),
            "max_value": _("Hãy nhập nhiều nhất %(limit_value)s ngày."),
        },
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 5}),
    )
    sentence = KeptWords(
        label=_("Câu trả lời người gửi khi thư bị từ chối"),
        required=False,
        max_length=LONGEST_SENTENCE,
        help_text=_("Được gửi không dấu. Để trống thì hệ thống dùng câu mẫu."),
        error_messages={"max_length": _("Câu dài quá %(limit_value)d ký tự. Hãy viết ngắn hơn.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    why = ground_field(_("Số quyết định, người đề nghị. Được ghi vào nhật ký."))

    def __init__(self, *args: Any, reach: QuerySet[Account], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reach = reach

    def clean_address(self) -> Account:
        found = self._reach.filter(address=_read(self.cleaned_data["address"])).first()
        if found is None or found.is_staff:
            raise forms.ValidationError(NOT_THEIRS)
        return found

    def clean_last_day(self) -> dt.date:
        day: dt.date = self.cleaned_data["last_day"]
        if abs(day - timezone.localdate()) > FURTHEST:
            raise forms.ValidationError(_("Ngày này quá xa. Hãy xem lại năm."))
        return day

    def clean_forward_to(self) -> Account | None:
        if not self.cleaned_data["forward_to"]:
            return None
        address = _read(self.cleaned_data["forward_to"])
        organisations = Account.objects.filter(kind=Account.Kind.ORGANISATION, is_active=True)
        found = organisations.filter(address=address).first()
        if found is None:
            raise forms.ValidationError(NO_MAILBOX)
        return found

    def clean_sentence(self) -> str:
        return _in_ascii(self.cleaned_data["sentence"]) or _SENTENCE

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("forward_to") and "forward_days" in cleaned and not cleaned["forward_days"]:
            self.add_error("forward_days", _("Hãy nhập số ngày chuyển thư."))
        if cleaned.get("forward_to") and cleaned["forward_to"] == cleaned.get("address"):
            self.add_error("forward_to", _("Hãy chọn một hộp thư khác hộp thư này."))
        cleaned["forward_days"] = cleaned.get("forward_days") or 0
        return cleaned


def _in_ascii(text: str) -> str:
    """Write a sentence as all mail servers take it: without accents."""
    letters = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(sign for sign in letters if " " <= sign <= "~").strip()[:LONGEST_SENTENCE]


def _read(typed: str) -> str:
    try:
        return canonical(typed)
    except AddressError as error:
        raise address_error(error) from None
