"""The memory of a worker: kept for the next hash while people log in, and given back afterwards."""

import os
from pathlib import Path

from django.test import TransactionTestCase

from tests.support import cast
from tests.support.hashing import HashesAsDeployed
from tests.support.programs import deployment
from tests.support.waiting import wait_for

HASH = 19 * 1024 * 1024 // os.sysconf("SC_PAGE_SIZE")  # pages
TRIES = 5


class MemoryTests(HashesAsDeployed, cast.Cast, TransactionTestCase):
    def setUp(self):
        self.set_up_people()
        # Pages of the usual size, which can be counted.
        self.server = deployment.Server(GLIBC_TUNABLES=None)
        self.addCleanup(self.server.end)

    def log_in(self, times):
        for _ in range(times):
            browser = deployment.Visitor(self.server)
            page = browser.post("/dang-nhap/", username="an", password="Sai-mat-khau-1")
            self.assertIn("chưa đúng", page)

    def test_it_is_kept_for_the_next_hash_and_given_back_when_nobody_logs_in(self):
        self.log_in(2)
        asked_for, resident = of_the_worker(self.server)

        self.log_in(TRIES)

        self.assertLess(of_the_worker(self.server)[0] - asked_for, TRIES * HASH / 4)
        wait_for(
            lambda: of_the_worker(self.server)[1] < resident - HASH * 3 / 4,
            "the memory of a hash to be given back",
        )


def of_the_worker(server):
    """Give the pages that it has asked the system for so far, and those that it has."""
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    (worker,) = {child for task in tasks for child in (task / "children").read_text().split()}
    stat = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
    return int(stat[7]), int(stat[21])
