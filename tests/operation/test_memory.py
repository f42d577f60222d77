"""The memory of hashes: kept for the next one while there is one, and given back by the last."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from django.contrib.auth.hashers import make_password
from django.test import SimpleTestCase, TransactionTestCase

from accounts.credentials import hashers
from tests.support import cast
from tests.support.hashing import HashesAsDeployed
from tests.support.programs import deployment

HASH = 19 * 1024 * 1024 // os.sysconf("SC_PAGE_SIZE")  # pages
BROWSERS, TRIES = 4, 8


class CrowdTests(SimpleTestCase):
    def test_the_last_one_gives_it_back(self):
        gives_back = mock.patch.object(hashers.crowd, "gives_back", True)
        with gives_back, mock.patch.object(hashers, "_LIBC") as libc:
            with hashers.crowd.joined():
                make_password("Ruong-bac-thang-7")
                libc.malloc_trim.assert_not_called()
            libc.malloc_trim.assert_called_once_with(0)

            make_password("Ruong-bac-thang-7")
            self.assertEqual(libc.malloc_trim.call_count, 2)

    def test_a_command_keeps_it_for_the_next(self):
        keeps = mock.patch.object(hashers.crowd, "gives_back", False)
        with keeps, mock.patch.object(hashers, "_LIBC") as libc:
            make_password("Ruong-bac-thang-7")
        libc.malloc_trim.assert_not_called()


class MemoryTests(HashesAsDeployed, cast.Cast, TransactionTestCase):
    def setUp(self):
        self.set_up_people()
        # Pages of the usual size, which can be counted.
        self.server = deployment.Server(GLIBC_TUNABLES=None)
        self.addCleanup(self.server.end)

    def log_in(self, times=1):
        for _ in range(times):
            browser = deployment.Visitor(self.server)
            browser.post("/dang-nhap/", username="an", password=cast.PASSWORD)
            self.assertIn("sessionid", "".join(browser.cookies))

    def test_a_worker_has_none_left_after_a_crowd(self):
        self.log_in()
        before = resident(self.server)

        with ThreadPoolExecutor(BROWSERS) as browsers:
            list(browsers.map(self.log_in, [TRIES] * BROWSERS))

        self.assertLess(resident(self.server) - before, HASH / 2)


def resident(server):
    """Give the pages of memory that the worker has."""
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    (worker,) = {child for task in tasks for child in (task / "children").read_text().split()}
    return int(Path(f"/proc/{worker}/statm").read_text().split()[1])
