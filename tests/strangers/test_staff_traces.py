"""What the staff look for and read leaves no trace outside: a real web process, its access log."""

import tempfile
from pathlib import Path

from django.test import TransactionTestCase

from accounts.models import AuditEvent
from tests.support import cast, hostile
from tests.support.cast import PASSWORD
from tests.support.programs import deployment

# Canaries, each of which stands for a person.
NAME = "Sùng Thị Canhanhoa"
FOLDED = "canhanhoa"
MAILBOX = "hop.thu.rieng"
TYPED_NUMBER = "035 791 8264"
NUMBER = "0357918264"


class StaffTracesTests(TransactionTestCase):
    def setUp(self):
        self.staff = cast.make_staff("mai", "hotline")
        cast.make("khac", full_name=NAME)
        self.person = cast.make(MAILBOX, full_name=NAME, phone="+84357918264")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.access = Path(folder.name) / "access.log"
        self.server = deployment.Server(
            *("--access-logfile", str(self.access)),
            *("--access-logformat", "%(r)s %(f)s %(q)s"),
        )
        self.addCleanup(self.server.end)

    def test_look_ups_are_in_no_log_and_in_no_address(self):
        visitor = deployment.Visitor(self.server)
        visitor.post("/dang-nhap/", username="mai", password=PASSWORD)
        visitor.post("/dang-nhap/yeu-to-thu-hai/", token=cast.token_of(self.staff))
        pages = [
            visitor.post("/ho-tro/", words=words, unit="")
            for words in (NAME, FOLDED, MAILBOX, TYPED_NUMBER, f"{MAILBOX}@hagiang.gov.vn")
        ]
        for page in pages:
            self.assertIn(MAILBOX, page)
        person = f"/ho-tro/tai-khoan/{self.person.pk}/"
        shown = visitor.post(f"{person}hien-so/", why="gọi lại", ticket="P-1")
        self.assertIn(NUMBER, shown)

        logs = self.access.read_text(encoding="utf-8") + self.server.log()
        self.assertIn("POST /ho-tro/", logs)
        for place in (logs, "\n".join(visitor.addresses)):
            for trace in (FOLDED, MAILBOX, "357918264", "791 8264", "S%C3%B9ng"):
                self.assertNotIn(trace.lower(), place.lower())
        audit = "\n".join(
            line
            for line in hostile.database_text().splitlines()
            if line.startswith("accounts_auditevent: ")
        )
        self.assertEqual(AuditEvent.objects.filter(event="looked-up").count(), 5)
        for trace in (FOLDED, MAILBOX, "357918264"):
            self.assertNotIn(trace, audit.lower())
