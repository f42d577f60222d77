"""What IT types to plan, agree to and stop a campaign."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.campaign import WARNED_BEFORE
from accounts.models.unit import Unit
from accounts.organisation.units import Tree
from accounts.pages.forms import Day, PortalForm, TickBoxes
from accounts.pages.staff_fields import ground_field, name_field, reason_field
from accounts.pages.versions import SeenForm
from otp.sentences import duration, with_numbers

EVERYWHERE = "all"
UNITS_AT_ONCE = 40  # a request holds 50 fields
FURTHEST = dt.timedelta(days=365)


class PlanForm(PortalForm):
    name = name_field(
        _("Tên chiến dịch"),
        required=_("Hãy đặt tên cho chiến dịch."),
        most=100,
    )
    basis = ground_field(
        _("Số văn bản hoặc lý do, ví dụ: Công văn 123/UBND-VX."),
        required=_("Hãy ghi căn cứ của chiến dịch."),
    )
    first_day = Day(
        label=_("Ngày nhắc lần đầu"),
        help_text=with_numbers(
            _(
                "Ngày/tháng/năm, ví dụ 01/12/2026. Nhắc lần hai sau %(second)s ngày, lần cuối sau"
                " %(last)s ngày, khóa sau %(lock)s ngày."
            ),
            second=lambda: WARNED_BEFORE[0] - WARNED_BEFORE[1],
            last=lambda: WARNED_BEFORE[0] - WARNED_BEFORE[-1],
            lock=lambda: WARNED_BEFORE[0],
        ),
        error_messages={
            "required": _("Hãy chọn ngày nhắc lần đầu."),
            "invalid": _("Hãy nhập ngày như ví dụ: 01/12/2026."),
        },
    )
    units = forms.MultipleChoiceField(
        label=_("Đơn vị"),
        help_text=with_numbers(
            _(
                "Chọn một đơn vị là chọn cả các đơn vị cấp dưới. Chọn được nhiều nhất %(most)s đơn"
                " vị."
            ),
            most=lambda: UNITS_AT_ONCE,
        ),
        error_messages={
            "required": _("Hãy chọn ít nhất một đơn vị."),
            "invalid_choice": _("Có đơn vị không thuộc phạm vi của bạn. Hãy chọn lại."),
        },
        widget=TickBoxes,
    )

    def __init__(self, *args: Any, tree: Tree, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tree = tree
        units = self.fields["units"]
        assert isinstance(units, forms.MultipleChoiceField)
        units.choices = [*_everywhere(tree), *_choices(tree)]

    def clean_first_day(self) -> dt.date:
        day: dt.date = self.cleaned_data["first_day"]
        today = timezone.localdate()
        if day < today:
            raise forms.ValidationError(_("Ngày này đã qua. Hãy chọn từ hôm nay trở đi."))
        if day > today + FURTHEST:
            raise forms.ValidationError(
                _("Ngày này quá xa. Hãy chọn trong vòng %(furthest)s."),
                params={"furthest": duration(FURTHEST)},
            )
        return day

    def clean_units(self) -> list[Unit]:
        chosen: list[str] = self.cleaned_data["units"]
        if len(chosen) > UNITS_AT_ONCE:
            raise forms.ValidationError(
                _("Chọn nhiều nhất %(most)s đơn vị. Hãy chọn các đơn vị cấp trên."),
                params={"most": UNITS_AT_ONCE},
            )
        if EVERYWHERE in chosen:
            return [self.tree.units[pk] for pk in self.tree.below(None)]
        return [self.tree.units[int(pk)] for pk in chosen]


def _everywhere(tree: Tree) -> list[tuple[str, str]]:
    return [(EVERYWHERE, str(_("Tất cả đơn vị")))] if len(tree.below(None)) > 1 else []


def _choices(tree: Tree) -> Iterator[tuple[str, Any]]:
    """Give each top, and after it everything below it as a group."""
    for top in tree.below(None):
        name = tree.units[top].name
        yield str(top), name
        below = [(str(unit.pk), f"{'– ' * depth}{unit.name}") for unit, depth in tree.in_order(top)]
        if below:
            yield _("Đơn vị thuộc %(name)s") % {"name": name}, below


class ReasonForm(SeenForm):
    """Why something is done that people will feel; kept in the audit trail."""

    why = reason_field(_("Được ghi vào nhật ký. Ví dụ: số văn bản, người quyết định."))
