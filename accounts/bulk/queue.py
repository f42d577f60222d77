"""Jobs that wait for the worker: which are to be done, and who takes one.

A page only writes down what is to be done. `manage.py work_jobs` does it, a few accounts in each
transaction; a file is tried out first and taken in whole once its counts were confirmed.
"""

import datetime as dt

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.job import Job

ABANDONED = dt.timedelta(minutes=2)  # without a sign of life from the process that has a job
KEPT = dt.timedelta(days=1)  # what a job knows: names, addresses


def to_do() -> "models.QuerySet[Job]":
    """Keep the jobs that wait, and those whose process died."""
    abandoned = Q(state=Job.State.WORKING, changed_at__lt=Now() - ABANDONED)
    return Job.objects.filter(Q(state=Job.State.QUEUED) | abandoned)


def claim(pk: int | None = None) -> Job | None:
    """Take the job that has waited longest, or just that one; None where there is none."""
    with transaction.atomic():
        waiting = to_do().select_for_update(skip_locked=True, of=("self",))
        if pk is not None:
            waiting = waiting.filter(pk=pk)
        job = waiting.select_related("actor").order_by("changed_at").first()
        if job:
            job.state = Job.State.WORKING
            job.tries += 1
            job.changed_at = Now()
            job.save(update_fields=["state", "tries", "changed_at"])
    return job


def forget_old() -> int:
    """Delete what is older than `KEPT`, with all it knows."""
    return Job.objects.filter(changed_at__lt=Now() - KEPT).delete()[0]
