"""The worker as the operator runs it: it finds work, dies, is stopped, and halves nothing."""

import os
from contextlib import closing, suppress

import psutil
from django.conf import settings
from django.test import TransactionTestCase
from django.utils import timezone

from accounts.bulk import queue, worker
from accounts.models import Account, AuditEvent, Job
from accounts.organisation.roles import make_groups
from tests.support import cast
from tests.support.loading import csv_of
from tests.support.programs.deployment import database_url
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.waiting import wait_for, wait_for_end

ROOT = settings.BASE_DIR


class WorkerTests(TransactionTestCase):
    def setUp(self):
        make_groups()
        self.huong = cast.make_staff("huong", "province-it")
        self.start()

    def start(self):
        self.said = self.enterContext(closing(Output()))
        self.process = Program(
            "manage.py",
            "work_jobs",
            env=os.environ
            | {
                "DATABASE_URL": database_url(),
                "OTP_PEPPER": ",".join(settings.OTP_PEPPERS),
                "LOG_LEVEL": "INFO",
            },
            stderr=self.said,
        )
        self.addCleanup(self.end, self.process)

    def end(self, process):
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children():
                child.kill()
        process.kill()
        process.wait()

    def ask(self, count):
        rows = [[f"nguoi.{n}", f"Người {n}", *[""] * 5] for n in range(count)]
        return Job.ask_import(self.huong, csv_of(*rows), add_units=False)

    def becomes(self, job, state):
        def there():
            job.refresh_from_db()
            return job.state == state

        wait_for(
            there, f"the job to be {state}", log=lambda: f"it is {job.state}\n{self.said.text()}"
        )
        return job

    def children(self):
        return psutil.Process(self.process.pid).children()

    def child(self):
        return wait_for(self.children, "a process that does the job", log=self.said.text)[0]

    def test_it_tries_a_file_out_and_takes_it_in(self):
        job = self.becomes(self.ask(300), "asking")
        self.assertEqual(job.result["created"], 300)
        self.assertEqual(Account.objects.count(), 1)

        job.confirm()

        self.becomes(job, "done")
        self.assertEqual(Account.objects.count(), 301)
        self.assertEqual(AuditEvent.objects.filter(event="imported").count(), 300)

    def test_it_does_what_a_dead_one_left(self):
        job = self.ask(10)
        Job.objects.filter(pk=job.pk).update(
            state="working", changed_at=timezone.now() - queue.ABANDONED * 2
        )

        self.becomes(job, "asking")

    def test_killed_at_work_it_leaves_all_or_nothing(self):
        job = self.becomes(self.ask(1000), "asking")
        wait_for(lambda: not self.children(), "the end of the process that tried it")
        job.confirm()
        child = self.child()
        with suppress(psutil.NoSuchProcess):
            child.kill()
        wait_for(lambda: not child.is_running(), "the end of the process that did the job")

        self.assertIn(Account.objects.count(), (1, 1001))

    def test_told_to_stop_it_ends_at_once_and_the_work_goes_on_later(self):
        job = self.ask(1000)
        self.child()

        self.process.terminate()

        self.assertEqual(wait_for_end(self.process, "the worker", log=self.said.text), 0)
        Job.objects.filter(pk=job.pk, state="working").update(
            changed_at=timezone.now() - queue.ABANDONED * 2
        )
        self.start()
        self.becomes(job, "asking")

    def test_what_kills_it_again_and_again_is_given_up(self):
        self.process.kill()
        job = self.ask(1)
        Job.objects.filter(pk=job.pk).update(tries=worker.TRIES)

        self.start()

        job = self.becomes(job, "refused")
        self.assertIsNone(job.file)
