"""What IT types to load a file of accounts, and to write to many people."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models.job import Job
from accounts.pages.forms import PortalForm, Text
from accounts.pages.staff_fields import KeptWords, reason_field

_TAKE_ROWS, _SKIP_ROWS, _SHEET = "take-rows", "skip-rows", "sheet:"


class ImportForm(PortalForm):
    file = forms.FileField(
        label=_("Tệp CSV, “Unicode Text” hoặc XLSX"),
        max_length=200,
        error_messages={"required": _("Hãy chọn tệp."), "empty": _("Tệp rỗng: hãy chọn tệp khác.")},
    )
    add_units = forms.BooleanField(
        label=_("Tạo đơn vị chưa có trong hệ thống"),
        required=False,
    )
    phones_confirmed = forms.BooleanField(
        label=_("Coi các số điện thoại trong tệp là đã xác nhận"),
        help_text=_(
            "Chỉ chọn khi cơ quan đã đối chiếu từng số với chủ hộp thư: mã lấy lại mật khẩu sẽ được"
            " gửi đến các số này mà không cần chủ số nhập mã. Số đang dùng không thay đổi."
        ),
        required=False,
    )
    ground = KeptWords(
        label=_("Căn cứ xác nhận các số"),
        help_text=_("Ví dụ: danh sách kèm công văn của đơn vị, đã đối chiếu từng người."),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        error_messages={"max_length": _("Căn cứ dài quá %(limit_value)d ký tự: hãy ghi ngắn lại.")},
    )

    def __init__(self, *args: Any, may_confirm: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        if not may_confirm:
            del self.fields["phones_confirmed"], self.fields["ground"]

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if cleaned.get("phones_confirmed") and not cleaned.get("ground", "x"):
            self.add_error("ground", _("Hãy ghi căn cứ xác nhận các số."))
        return cleaned

    def vouched(self) -> str:
        """Give the ground why the numbers count at once; "" where they do not."""
        cleaned = self.cleaned_data
        return str(cleaned["ground"]) if cleaned.get("phones_confirmed") else ""


class AnswerForm(PortalForm):
    """What is asked about a file that was tried out: each answer is a button."""

    def __init__(self, job: Job, *args: Any) -> None:
        super().__init__(*args)
        self.choices = _answers(job.result)
        self.fields["answer"] = forms.ChoiceField(choices=self.choices)

    def options(self) -> dict[str, Any]:
        """Give the answer as options of the job."""
        answer: str = self.cleaned_data["answer"]
        if answer.startswith(_SHEET):
            return {"sheet": answer.removeprefix(_SHEET), "hidden_rows": None}
        return {"hidden_rows": answer == _TAKE_ROWS}


def _answers(result: dict[str, Any]) -> list[tuple[str, str]]:
    answers: list[tuple[str, str]] = []
    if result.get("hidden_rows"):
        answers = [
            (_SKIP_ROWS, gettext("Bỏ qua các dòng ẩn")),
            (_TAKE_ROWS, gettext("Nhập cả các dòng ẩn")),
        ]
    sheets = [*filter(None, [result.get("asks_for_sheet")]), *result.get("other_sheets", [])]
    return answers + [
        (_SHEET + name, gettext("Nhập trang tính “%(name)s”") % {"name": name}) for name in sheets
    ]


class WhyForm(PortalForm):
    """The ground on which something is done to many accounts: it goes on record with each."""

    why = reason_field(
        _("Ví dụ: theo công văn của đơn vị. Lý do được ghi vào nhật ký."), **{"class": "vTextField"}
    )


class NoticeForm(WhyForm):
    subject = Text(
        label=_("Tiêu đề"),
        max_length=150,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        error_messages={"required": _("Hãy nhập tiêu đề.")},
    )
    text = Text(
        label=_("Nội dung"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 12, "class": "vLargeTextField"}),
        error_messages={"required": _("Hãy nhập nội dung.")},
    )

    def clean_subject(self) -> str:
        subject: str = self.cleaned_data["subject"]
        if not subject.isprintable():
            raise forms.ValidationError(_("Tiêu đề có ký tự không in được: hãy gõ lại."))
        return _without_link(subject)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if not text.replace("\n", "").replace("\t", "").isprintable():
            raise forms.ValidationError(_("Nội dung có ký tự không in được: hãy gõ lại."))
        return _without_link(text)


def _without_link(text: str) -> str:
    """Keep links out of what the portal sends: people learn that a mail with one is forged."""
    if re.search(r"https?:|www\.", text, re.IGNORECASE):
        raise forms.ValidationError(
            _("Không ghi đường dẫn trong thư: thư của hệ thống không bao giờ có đường dẫn.")
        )
    return text
