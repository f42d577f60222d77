"""Units: the offices of the province, which form a tree."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models.names import FoldedWords, NameField


class Unit(models.Model):
    """An office of the province; units form a tree.

    Two triggers keep it one: nobody moves a unit below itself, nor two people two units below each
    other.
    """

    name = NameField(_("tên đơn vị"), max_length=200)
    code = NameField(_("tên viết tắt"), max_length=50, blank=True)
    parent = models.ForeignKey(
        "self",
        verbose_name=_("đơn vị cấp trên"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
    )

    class Meta:
        verbose_name = _("đơn vị")
        verbose_name_plural = pgettext_lazy("plural", "đơn vị")
        # Not `fastupdate`: a look-up after a large import must not read through its backlog.
        indexes = [GinIndex(FoldedWords("name"), name="unit_name_words", fastupdate=False)]
        constraints = [
            # A path is read in any case, and / stands between its names: each is one unit's.
            models.UniqueConstraint(
                "parent", Lower("name"), name="unit_path_once", nulls_distinct=False
            ),
            models.CheckConstraint(name="unit_name_is_one_step", condition=~Q(name__contains="/")),
            models.CheckConstraint(
                name="unit_not_its_own_parent",
                condition=~Q(parent=models.F("id")) | Q(parent__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)
