"""Workers as an operator runs them: what is due is done once over all, and after a death too."""

import datetime as dt
import os
from contextlib import closing

from django.db import connection
from django.test import TransactionTestCase
from django.utils import timezone

from accounts.models import Upkeep
from accounts.upkeep import schedule
from tests.support.programs.deployment import database_url
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.waiting import wait_for, wait_for_end


class SchedulerTests(TransactionTestCase):
    def setUp(self):
        # Its tables are not Django's, so that a flush leaves them as they are.
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE procrastinate_jobs, procrastinate_periodic_defers, procrastinate_workers"
                " CASCADE"
            )

        # What was due yesterday was missed: the worker does it when it starts.
        Upkeep.objects.update(since=timezone.now() - dt.timedelta(days=2))

    def start(self):
        said = self.enterContext(closing(Output()))
        worker = Program(
            "manage.py",
            "work_jobs",
            env=os.environ
            | {"DATABASE_URL": database_url(), "LOG_LEVEL": "INFO", "SMS_GATEWAY": "file"},
            stderr=said,
        )
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        worker.said = said
        return worker

    def done(self):
        return {row.name for row in Upkeep.objects.filter(succeeded_at__isnull=False)}

    def test_what_was_missed_is_done_once_over_all_hosts(self):
        began = timezone.now()
        workers = [self.start(), self.start()]
        names = {task.name for task in schedule.tasks()}

        wait_for(lambda: self.done() == names, "all tasks", log=workers[0].said.text)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            self.assertEqual(wait_for_end(worker, "the worker", log=worker.said.text), 0)

        # What has become due meanwhile may have been done for that, too.
        due = [task.name for task in schedule.tasks() if task.next_run(began) <= timezone.now()]
        missed = Upkeep.objects.exclude(name__in=due)
        self.assertEqual(set(missed.values_list("runs", "failed_runs")), {(1, 0)})
        self.assertLessEqual(max(Upkeep.objects.values_list("runs", flat=True)), 2)

    def test_what_a_dead_worker_had_begun_is_begun_again(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - interval '1 hour') RETURNING id"
            )
            (dead,) = cursor.fetchone()
            cursor.execute(
                "INSERT INTO procrastinate_jobs"
                " (task_name, queue_name, args, lock, status, worker_id) VALUES"
                " ('prune', 'default', '{\"timestamp\": 1}', 'upkeep', 'doing', %s)",
                [dead],
            )

        worker = self.start()

        wait_for(lambda: "prune" in self.done(), "the task", log=worker.said.text)
