"""Tables of accounts, sound and otherwise, and the staff who load them."""

import io
import zipfile

from openpyxl import Workbook

from accounts.bulk.worker import work
from accounts.models.job import Job
from tests.support import cast

LOAD = "/quan-tri/accounts/account/nap/"
JOB = "/quan-tri/accounts/account/cong-viec/{}/"
LIST = "/quan-tri/accounts/account/"
HASH = "{SSHA}prEM3nGmShIEyYZEgd+rio6anSdL8hnq"  # of cast.PASSWORD

HEADER = ["address", "full_name", "kind", "unit", "phone", "has_default_password", "password_hash"]


class Loaders(cast.Cast):
    """A mixin: Huong is IT of the province and has come in with her second factor."""

    def setUp(self):
        self.set_up_people()
        self.huong = cast.make_staff("huong", "province-it")
        self.come_in(self.huong)

    def upload(self, content, name="tai-khoan.csv", **fields):
        """Send a file by the page, have the worker look at it, and give the job."""
        file = io.BytesIO(content)
        file.name = name
        r = self.client.post(LOAD, {"file": file, **fields})
        self.assertEqual(r.status_code, 302, r.content[:200])
        job = Job.objects.latest("pk")
        self.assertEqual(r.url, JOB.format(job.pk))
        return self.worked(job)

    def confirm(self, job, **fields):
        self.client.post(JOB.format(job.pk), {"confirm": "1", **fields})
        return self.worked(job)

    def worked(self, job):
        while waiting := claim():
            work(waiting)
        job.refresh_from_db()
        return job

    def reasons(self, job):
        return {row: reason for row, _address, reason in job.faults}


def claim():
    from accounts.bulk import queue

    return queue.claim()


def csv_of(*rows, header=HEADER, encoding="utf-8"):
    lines = [",".join(header), *(",".join(row) for row in rows)]
    return ("\r\n".join(lines) + "\r\n").encode(encoding)


def xlsx_of(*rows, header=HEADER):
    book = Workbook()
    for row in (header, *rows):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_part(content, name, part):
    """Give an XLSX with one part put in or replaced."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info.filename, old.read(info))
        new.writestr(name, part)
    return file.getvalue()
