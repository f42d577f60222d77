"""What the worker does: jobs on many accounts, and how the tasks that run by themselves fare."""

import datetime as dt
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from procrastinate.contrib.django import app as procrastinate

from accounts import caller
from accounts.models.account import Account
from accounts.models.right import Right

LONGEST_REASON = 200  # characters


class Job(models.Model):
    """Something to be done to many accounts, and how far it is.

    The file is kept only as long as it is needed, and the whole row for `queue.KEPT`.
    """

    WORKED_OFF_BY = "bulk"  # the task of the worker that does what waits
    MARK = 12  # signs
    LONG_WAIT = dt.timedelta(minutes=1)  # after which no process seems to be there

    class Kind(models.TextChoices):
        IMPORT = "import", _("Nhập tài khoản từ tệp")
        LOCK = "lock", _("Khóa tài khoản")
        UNLOCK = "unlock", _("Mở khóa tài khoản")
        MARK_DEFAULT = "mark-default", _("Đánh dấu còn mật khẩu mặc định")
        NOTICE = "notice", _("Gửi thông báo bằng thư")

    class State(models.TextChoices):
        ASKING = "asking", _("chờ xác nhận")
        QUEUED = "queued", _("đang chờ")
        WORKING = "working", _("đang thực hiện")
        DONE = "done", _("đã xong")
        REFUSED = "refused", _("đã dừng")

    kind = models.CharField(max_length=16, choices=Kind)
    state = models.CharField(max_length=16, choices=State)
    confirmed = models.BooleanField(default=False)
    actor = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    client = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    tries = models.SmallIntegerField(default=0)  # since it last came a step further
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    accounts = ArrayField(models.BigIntegerField(), default=list)
    # How each stood when it was chosen; a job of the release before does not know.
    seen = ArrayField(models.CharField(max_length=MARK), null=True)
    file = models.BinaryField(null=True)
    returned = models.BinaryField(null=True)  # a file with faults, which are named beside its rows
    options = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    faults = models.JSONField(default=list)

    class Meta:
        verbose_name = _("công việc")
        verbose_name_plural = pgettext_lazy("plural", "công việc")
        constraints = [
            models.CheckConstraint(
                name="job_forgets_its_file",
                condition=~Q(state__in=["done", "refused"]) | Q(file__isnull=True),
            )
        ]
        indexes = [
            models.Index(
                name="job_to_do",
                fields=["changed_at"],
                condition=Q(state__in=["queued", "working"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @classmethod
    def ask(
        cls,
        kind: "Job.Kind",
        actor: Account,
        accounts: list[int],
        seen: list[str] | None = None,
        **options: object,
    ) -> Self:
        """Write down what is to be done to `accounts`, which waits to be confirmed.

        `seen` says of each how it stood: who was changed since is left out, and told.
        """
        return cls._make(
            kind,
            actor,
            state=cls.State.ASKING,
            accounts=accounts,
            seen=seen,
            total=len(accounts),
            options=options,
        )

    @classmethod
    def ask_import(
        cls, actor: Account, content: bytes, *, add_units: bool, vouched: str = ""
    ) -> Self:
        """Keep a file, which is tried out before it can be confirmed.

        `vouched` is the ground on which its numbers count at once.
        """
        options: dict[str, object] = {"add_units": add_units}
        if vouched:
            options["vouched"] = vouched
        return cls._make(
            cls.Kind.IMPORT, actor, state=cls.State.QUEUED, file=content, options=options
        )

    @classmethod
    def _make(cls, kind: "Job.Kind", actor: Account, **columns: Any) -> Self:
        who = caller.current()
        with transaction.atomic():
            job = cls.objects.create(
                kind=kind,
                actor=actor,
                client=who.address or None,
                request_id=who.request_id,
                **columns,
            )
            if job.state == cls.State.QUEUED:
                cls._wake_the_worker()
        return job

    @classmethod
    def _wake_the_worker(cls) -> None:
        # In the transaction of the job: the worker is told when it can be seen, and not before.
        procrastinate.configure_task(cls.WORKED_OFF_BY).defer()

    @property
    def right(self) -> Right:
        return RIGHTS[self.Kind(self.kind)]

    @property
    def is_asking(self) -> bool:
        return self.state == self.State.ASKING

    @property
    def asks(self) -> bool:
        """Whether something has to be answered first that the file does not say."""
        return bool(self.result.get("asks_for_rows") or self.result.get("asks_for_sheet"))

    @property
    def state_in_words(self) -> str:
        """How it stands, as its page says it: a file is loaded as a whole or not at all."""
        if self.kind == self.Kind.IMPORT and self.state == self.State.REFUSED:
            return gettext("đã dừng, chưa nhập dữ liệu nào")
        return self.get_state_display()

    @property
    def is_under_way(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.WORKING)

    @property
    def waits_long(self) -> bool:
        """Whether no process seems to be there that would do it."""
        return self.is_under_way and timezone.now() - self.changed_at > self.LONG_WAIT

    def confirm(self, **options: str) -> bool:
        """Have it done; False when it was confirmed before."""
        return self._queue(confirmed=True, options={**self.options, **options})

    def look_again(self, **options: Any) -> bool:
        """Have the file tried out anew, with what was answered; False when it is under way."""
        return self._queue(confirmed=False, options={**self.options, **options}, result={})

    def _queue(self, **columns: Any) -> bool:
        with transaction.atomic():
            queued = Job.objects.filter(pk=self.pk, state=self.State.ASKING).update(
                state=self.State.QUEUED, tries=0, done=0, changed_at=timezone.now(), **columns
            )
            if queued:
                self._wake_the_worker()
        return bool(queued)


RIGHTS: dict[Job.Kind, Right] = {
    Job.Kind.IMPORT: Right.IMPORT_ACCOUNTS,
    Job.Kind.LOCK: Right.LOCK_ACCOUNT,
    Job.Kind.UNLOCK: Right.LOCK_ACCOUNT,
    Job.Kind.MARK_DEFAULT: Right.MARK_DEFAULT,
    Job.Kind.NOTICE: Right.SEND_NOTICE,
}


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
