"""New code where the old one was: what serves does not see it, and a reload takes it."""

import shutil
import signal
import tempfile
from pathlib import Path

from django.conf import settings
from django.test import TransactionTestCase

from tests.support.cast import ASK, LOGIN
from tests.support.programs import releases
from tests.support.programs.deployment import Server
from tests.support.waiting import wait_for


class ReloadTests(TransactionTestCase):
    def test_pages_are_of_one_release_before_and_after_it(self):
        place = Path(tempfile.mkdtemp(prefix="mailportal-reload-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        releases.lay_present(place)
        shutil.copytree(settings.STATIC_ROOT, place / "var" / "static")
        server = Server(at=place)
        self.addCleanup(server.end)
        wait_for(lambda: server.request("GET", "/healthz").status == 200, "the worker's start")
        for page in ("access/login.html", "self_service/reset.html"):
            (place / "templates" / page).write_text("of the next release")

        before = [server.request("GET", path) for path in (LOGIN, ASK)]
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "Worker exiting" in server.log(), "the old worker", log=server.log)

        after = [server.request("GET", path).text for path in (LOGIN, ASK)]
        for r in before:
            self.assertEqual(r.status, 200)
            self.assertNotIn("of the next release", r.text)
        self.assertEqual(after, ["of the next release"] * 2)
