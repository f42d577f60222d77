"""What IT sees of sending in the admin, and what it may change there."""

import datetime as dt

from django.db import connection
from django.db.models.functions import Now
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent
from otp import outbox
from otp.models import Brakes, Code, GatewayState, Message, Meter
from tests.support import cast
from tests.support.forms import drawn_from

GATEWAYS = "/quan-tri/otp/gatewaystate/"
MESSAGES = "/quan-tri/otp/message/"
CODES = "/quan-tri/otp/code/"
BRAKES = "/quan-tri/otp/brakes/"
State = Message.State


class StaffTestCase(cast.Cast, TestCase):
    """Huong is staff with every right, and has shown the second factor."""

    def setUp(self):
        self.set_up_people()
        self.huong = cast.make_staff("huong")
        self.come_in(self.huong)


class LookTests(StaffTestCase):
    def test_each_gateway_with_the_errors_of_the_last_hour(self):
        GatewayState.objects.create(
            name="twilio",
            failures=6,
            last_reason="http-500",
            last_success_at=Now(),
            paused_until=Now() + dt.timedelta(minutes=1),
        )
        states = [State.ACCEPTED, State.DELIVERED, State.REJECTED, State.FAILED, State.UNKNOWN]
        for state in (*states, State.QUEUED, State.ACCEPTED):
            outbox.queue_sms("an", to="+84912466981", text="x")
            gone = {} if state == State.QUEUED else {"to": "", "text": ""}
            newest = Message.objects.filter(pk=Message.objects.latest("pk").pk)
            newest.update(state=state, gateway="twilio", **gone)
        newest.update(created_at=Now() - dt.timedelta(hours=2))

        r = self.client.get(GATEWAYS)

        self.assertContains(r, "Lỗi trong 1 giờ qua")
        self.assertContains(r, "3/5 (60 %)")
        self.assertContains(r, "nơi nhận trả lời mã 500")

    def test_a_gateway_that_sent_nothing_has_no_errors(self):
        GatewayState.objects.create(name="esms")

        self.assertContains(self.client.get(GATEWAYS), "0/0 (0 %)")

    def test_messages_and_codes_show_no_number_no_wording_and_no_key(self):
        self.ask()
        message, code = Message.objects.get(), Code.objects.get()
        pages = [MESSAGES, f"{MESSAGES}{message.pk}/change/", CODES, f"{CODES}{code.pk}/change/"]

        for page in pages:
            with self.subTest(page):
                r = self.client.get(page)

                self.assertEqual(r.status_code, 200)
                secrets = ("987466981", "{code}", code.address_key, code.browser_key)
                for secret in (*secrets, cast.newest_code()):
                    self.assertNotContains(r, secret)
        self.assertContains(self.client.get(pages[1]), "***981")

    def test_the_list_of_codes_does_not_look_for_every_day_that_there_is(self):
        self.ask()
        with CaptureQueriesContext(connection) as captured:
            page = self.client.get(CODES)

        self.assertContains(page, "local_day__gte")
        self.assertFalse([query for query in captured if "DISTINCT" in query["sql"]])

    def test_nothing_of_it_can_be_changed_added_or_deleted(self):
        self.ask()
        GatewayState.objects.create(name="esms")
        rows = {GATEWAYS: "esms", MESSAGES: Message.objects.get().pk, CODES: Code.objects.get().pk}
        for page, row in rows.items():
            for way in ("add/", f"{row}/delete/"):
                with self.subTest(page=page, way=way):
                    self.assertEqual(self.client.post(page + way, {}).status_code, 403)
            with self.subTest(page=page):
                r = self.client.post(f"{page}{row}/change/", {"state": "delivered", "name": "x"})

                self.assertEqual(r.status_code, 403)

    def test_a_waiting_number_cannot_be_asked_for_in_the_address(self):
        self.ask()
        for query in ("to__startswith=%2B849", "text__contains=1", "address_key=1", "code__id=1"):
            with self.subTest(query):
                self.assertNotEqual(self.client.get(f"{MESSAGES}?{query}").status_code, 200)
        self.assertEqual(self.client.get(f"{MESSAGES}?state__exact=queued").status_code, 200)


class BrakesTests(StaffTestCase):
    columns = {
        "codes_an_hour": 300,
        "codes_a_day": 1000,
        "guesses_an_hour": 600,
        "guesses_a_day": 1000,
    }

    def save(self, **changed):
        page = f"{BRAKES}1/change/"
        return self.client.post(page, self.columns | changed | drawn_from(self.client, page))

    def test_the_switch_is_put_on_record_with_who_and_what(self):
        r = self.save(sending_stopped="on", codes_an_hour=50)

        self.assertRedirects(r, BRAKES)
        brakes = Brakes.objects.get()
        self.assertEqual((brakes.sending_stopped, brakes.codes_an_hour), (True, 50))
        event = AuditEvent.objects.get(event="brakes-changed")
        self.assertEqual(event.actor, self.huong)
        self.assertEqual(event.detail, {"fields": {"sending_stopped": True, "codes_an_hour": 50}})

    def test_a_ceiling_that_is_set_stays_and_is_worked_out_again_when_it_need_not(self):
        self.save()
        self.assertFalse(Brakes.objects.get().set_by_hand)
        self.save(codes_a_day=77)
        self.assertTrue(Brakes.objects.get().set_by_hand)

        self.save(codes_a_day=78)

        self.assertFalse(Brakes.objects.get().set_by_hand)

    def test_the_page_shows_how_tight_it_is(self):
        page = f"{BRAKES}1/change/"
        self.assertContains(self.client.get(page), "0/6: bình thường")
        Meter.objects.create(
            key="ceiling:guesses:now", count=300, until=timezone.now() + dt.timedelta(days=1)
        )

        for shown in (page, BRAKES):
            self.assertContains(self.client.get(shown), "4/6: địa chỉ IP và mạng nào đã nhập sai")
        self.assertContains(self.client.get(page), "đã dùng 50 % số lần nhập sai")

    def test_it_stops_the_sending_at_once(self):
        self.save(sending_stopped="on")

        self.assertContains(self.ask(), "Hệ thống tạm dừng gửi mã")

    def test_a_change_that_cannot_be_is_refused_and_leaves_no_record(self):
        r = self.save(codes_an_hour=-1)

        self.assertEqual(r.status_code, 200)
        self.assertEqual(Brakes.objects.get().codes_an_hour, 300)
        self.assertFalse(AuditEvent.objects.filter(event="brakes-changed").exists())

    def test_there_is_one_row_for_ever(self):
        for way in ("add/", "1/delete/"):
            with self.subTest(way):
                self.assertEqual(self.client.post(BRAKES + way, {"post": "yes"}).status_code, 403)
        self.assertEqual(Brakes.objects.count(), 1)
