"""Asks for a unit with all below it, or for the whole province."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.organisation.units import Tree


class Within(forms.TypedChoiceField):
    """Gives the unit that was chosen of what a form offers; None for the whole province."""

    def __init__(self, *, help_text: Any) -> None:
        super().__init__(
            label=_("Với đơn vị nào"),
            required=False,
            empty_value=None,
            help_text=help_text,
            error_messages={"invalid_choice": _("Không có đơn vị này. Hãy chọn đơn vị khác.")},
        )

    @staticmethod
    def offers(form: forms.BaseForm, tree: Tree) -> None:
        """Let the form's field `unit` offer all of the tree, in its order."""
        field = form.fields["unit"]
        assert isinstance(field, Within)
        field.coerce = lambda chosen: tree.units[int(chosen)]
        field.choices = [("", str(_("Toàn tỉnh")))] + [
            (str(unit.pk), f"{'– ' * depth}{unit.name}") for unit, depth in tree.in_order()
        ]
