"""How far a file is, in the words of its page: what will be done, is being done, was done."""

import datetime as dt
import math
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from accounts.models.job import Job
from otp.sentences import duration

_MINUTE = 60  # seconds


@dataclass(frozen=True)
class Progress:
    """Rows that are done, of all; `sentence` says so, `pace` how fast it goes and how long yet."""

    done: int
    total: int
    sentence: str
    pace: str


def progress_of(job: Job) -> Progress | None:
    """Say how far a file is that is being worked at; None where its rows are not known yet."""
    if job.state != Job.State.WORKING or "began" not in job.result:
        return None
    words = {"done": _grouped(job.done), "total": _grouped(job.total)}
    if not job.confirmed:
        sentence = _("Đang kiểm tra %(done)s/%(total)s dòng") % words
    elif job.done < job.total:
        sentence = _("Đang thêm %(done)s/%(total)s dòng") % words
    else:
        sentence = _("Đang ghi %(total)s dòng vào cơ sở dữ liệu") % words
    return Progress(job.done, job.total, sentence, _pace(job))


def summary_of(job: Job) -> str:
    """Say what a file will change, or has changed."""
    if "created" not in job.result or job.result.get("faults"):
        return ""
    words = {name: _grouped(job.result[name]) for name in ("created", "updated")}
    if job.is_asking:
        return (
            _("Sẽ thêm %(created)s, cập nhật %(updated)s tài khoản. Chưa có gì thay đổi.") % words
        )
    if job.state == Job.State.DONE:
        return _("Đã thêm %(created)s, cập nhật %(updated)s tài khoản.") % words
    return ""


def _pace(job: Job) -> str:
    began = dt.datetime.fromisoformat(job.result["began"])
    seconds = (job.changed_at - began).total_seconds()
    if seconds <= 0 or not 0 < job.done < job.total:
        return ""
    rate = job.done / seconds
    words = {"rate": _grouped(max(1, round(rate))), "left": _span((job.total - job.done) / rate)}
    return _("khoảng %(rate)s dòng/giây, còn khoảng %(left)s") % words


def _span(seconds: float) -> str:
    if seconds < _MINUTE:
        return duration(dt.timedelta(seconds=math.ceil(seconds)))
    return duration(dt.timedelta(minutes=math.ceil(seconds / _MINUTE)))


def _grouped(count: int) -> str:
    return number_format(count, force_grouping=True)
