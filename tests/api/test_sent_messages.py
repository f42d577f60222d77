"""What programs read of what left the portal: fates, and no number, address or word."""

import datetime as dt

from django.db import IntegrityError, transaction
from django.test import TestCase
from django.utils import timezone

from accounts.models import ProgramToken, Unit
from otp import outbox
from otp.models import Message
from tests.api.programs import Programs, admit
from tests.support.clock import let_pass


class MessageTests(Programs, TestCase):
    def setUp(self):
        self.set_up_programs()
        self.token = admit(scopes=["messages"])
        self.sms = outbox.queue_sms("an", to="+84912466981", text="Lời riêng")
        self.mail = outbox.queue_mail("an", to="an@hagiang.gov.vn", subject="Thư", text="Lời")
        Message.objects.filter(pk=self.mail.pk).update(
            state="accepted", gateway="mail", to="", subject="", text=""
        )

    def read(self, page=""):
        r = self.get(f"messages{page}", self.token)
        self.assertEqual(r.status_code, 200, r.content)
        return r.json()

    def test_rows_name_nobody(self):
        r = self.get("messages", self.token)

        rows = r.json()["messages"]
        self.assertEqual(
            [(row["channel"], row["state"], row["gateway"]) for row in rows],
            [("sms", "queued", ""), ("mail", "accepted", "mail")],
        )
        for word in ("0912", "466981", "981", "hagiang", "Lời", "Thư", "***"):
            self.assertNotIn(word, r.content.decode())

    def test_a_code_says_what_for_and_not_to_whom(self):
        self.ask_for_code()

        last = self.read()["messages"][-1]

        self.assertEqual((last["purpose"], last["channel"]), ("recovery", "sms"))

    def test_rows_are_chosen_and_come_in_pages(self):
        self.assertEqual(len(self.read("?channel=mail")["messages"]), 1)
        self.assertEqual(len(self.read("?state=rejected")["messages"]), 0)
        first = self.read("?limit=1")
        rest = self.read(f"?limit=1&cursor={first['next']}")
        keys = [row["id"] for row in first["messages"] + rest["messages"]]
        self.assertEqual((keys, rest["next"]), ([self.sms.pk, self.mail.pk], None))

        let_pass(self, hours=25)
        self.assertEqual(self.read()["messages"], [])
        since = (timezone.now() - dt.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.assertEqual(len(self.read(f"?since={since}")["messages"]), 2)

    def test_a_moment_may_be_in_any_zone(self):
        for zone, count in (("-23:59", 0), ("%2B23:59", 2)):
            since = f"{timezone.now():%Y-%m-%dT%H:%M:%S}{zone}"
            self.assertEqual(len(self.read(f"?since={since}")["messages"]), count)

    def test_a_day_is_counted_by_fate(self):
        today = timezone.localdate()

        said = self.read("/counts")

        self.assertEqual(said["day"], today.isoformat())
        self.assertEqual(
            said["counts"],
            [
                {"channel": "mail", "gateway": "mail", "state": "accepted", "count": 1},
                {"channel": "sms", "gateway": "", "state": "queued", "count": 1},
            ],
        )
        before = today - dt.timedelta(days=1)
        self.assertEqual(self.read(f"/counts?day={before:%Y-%m-%d}")["counts"], [])

    def test_what_is_wrong_is_said(self):
        for query in (
            *("?channel=x", "?state=x", "?since=2026-01-01", "/counts?day=1/1", "?unit=1"),
            *("?since=0001-01-01T00:00:00%2B14:00", "/counts?day=9999-12-31"),
        ):
            with self.subTest(query):
                self.assertEqual(self.get(f"messages{query}", self.token).status_code, 422)
        # As it has to be written here, and not as on the pages.
        r = self.get("messages/counts?day=28/11/2026", self.token)
        self.assertIn("năm-tháng-ngày", r.json()["errors"]["day"][0])

    def test_a_token_of_a_unit_cannot_have_it(self):
        unit = Unit.objects.first()
        with self.assertRaises(IntegrityError), transaction.atomic():
            ProgramToken.objects.update(unit=unit)
        self.come_in(self.huong)

        r = self.client.post(
            "/quan-tri/chuong-trinh/moi/",
            {"name": "x", "scopes": ["messages"], "unit": unit.pk, "networks": "127.0.0.1"}
            | {"last_day": f"{timezone.localdate():%d/%m/%Y}"},
        )

        self.assertContains(r, "hãy chọn Toàn tỉnh")

    def ask_for_code(self):
        self.client.post("/quen-mat-khau/", {"address": "an@hagiang.gov.vn"})
