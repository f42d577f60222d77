"""How the tasks that run by themselves have fared: one row a task."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

LONGEST_REASON = 200  # characters


class Upkeep(models.Model):
    """What became of a task's runs, whoever began them: the schedule, or an operator."""

    name = models.CharField(_("tên"), max_length=32, primary_key=True)
    since = models.DateTimeField(_("theo dõi từ"), default=timezone.now)
    started_at = models.DateTimeField(_("chạy lần cuối lúc"), null=True)
    succeeded_at = models.DateTimeField(_("xong lần cuối lúc"), null=True)
    failed_at = models.DateTimeField(_("lỗi lần cuối lúc"), null=True)
    failures = models.IntegerField(_("lỗi liên tiếp"), default=0)
    runs = models.BigIntegerField(_("số lần xong"), default=0)
    failed_runs = models.BigIntegerField(_("số lần lỗi"), default=0)
    reason = models.CharField(_("lý do"), max_length=LONGEST_REASON, blank=True)

    class Meta:
        verbose_name = _("việc tự chạy")
        verbose_name_plural = pgettext_lazy("plural", "việc tự chạy")
        constraints = [
            models.CheckConstraint(
                name="upkeep_failed_for_a_reason", condition=Q(failures=0) | ~Q(reason="")
            )
        ]

    def __str__(self) -> str:
        return self.name
