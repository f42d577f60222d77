"""What IT is told of, and how seldom."""

import datetime as dt

from django.core.management import call_command
from django.db.models import F
from django.db.models.functions import Now
from django.test import TransactionTestCase, override_settings

from otp import codes, outbox
from otp.models import Brakes, Code, GatewayState, Message, Meter, Purpose
from otp.outbox import alerts
from tests.support import cast
from tests.support.clock import let_pass
from tests.support.crowd import at_once
from tests.support.programs import gateway

IT = ["it@example.vn", "truc@example.vn"]
State = Message.State


@override_settings(ALERT_EMAILS=IT)
class AlertTestCase(cast.Cast, TransactionTestCase):
    def mails(self):
        return Message.objects.filter(channel=Message.Channel.MAIL).order_by("pk")

    def send_codes(self, count, *, used=0, name="a", times=1):
        """Have codes sent a quarter of an hour ago, the first of them used."""
        made = []
        for n in range(count):
            for _ in range(times):
                issued = outbox.send_code(
                    f"{name}{n}@example.vn",
                    Purpose.RECOVERY,
                    to=f"+8491{n:07}",
                    text="{code}",
                    nonce="n",
                )
                made.append(issued.id)
                let_pass(self, minutes=6)
        sent = Message.objects.exclude(code=None)
        sent.update(state=State.ACCEPTED, to="", text="")
        let_pass(self, minutes=15)
        Code.objects.filter(pk__in=made[:used]).update(verified_at=F("issued_at"))

    def break_gateway(self):
        GatewayState.objects.create(
            name="twilio", failures=5, last_reason="http-500", paused_until=Now() + dt.timedelta(1)
        )

    def wait_long(self):
        outbox.queue_sms("an@example.vn", to="+84912466981", text="x")
        Message.objects.update(due_at=Now() - dt.timedelta(seconds=61))

    def near_the_ceiling(self):
        Brakes.objects.update(codes_an_hour=10)
        self.meter("ceiling:codes:now", 8)

    def guess_wrong(self):
        self.meter("streak:recovery:somebody", codes.STREAK)

    def meter(self, key, count):
        Meter.objects.create(key=key, count=count, until=Now() + dt.timedelta(days=1))


class KindTests(AlertTestCase):
    def assert_told(self, kind, words):
        """The kind is told of once in an hour, by one mail to each address."""
        log = gateway.EveryLogLine(self)

        self.assertEqual(alerts.raise_due(), [kind])

        self.assertEqual([mail.to for mail in self.mails()], IT)
        mail = self.mails()[0]
        self.assertIn(words, mail.subject)
        self.assertIn(words, mail.text)
        self.assertIn("http://testserver", mail.text)
        self.assertIn(f"alert {kind}", log.text)
        self.assertEqual(alerts.raise_due(), [])
        Meter.objects.filter(key__startswith="alert-").update(until=Now())
        self.assertEqual(alerts.raise_due(), [kind])

    def test_nothing_is_told_where_all_is_well(self):
        self.send_codes(3, used=3)
        GatewayState.objects.create(name="twilio", failures=4, last_success_at=Now())

        self.assertEqual(alerts.raise_due(), [])

        self.assertFalse(self.mails().exists())

    def test_a_paused_gateway(self):
        self.break_gateway()

        self.assert_told("gateway", "twilio không gửi được (http-500)")

    def test_a_queue_that_does_not_move(self):
        self.wait_long()

        self.assert_told("queue", "Tin nhắn chờ gửi đã 6")

    ceilings = ("codes_an_hour", "codes_a_day", "guesses_an_hour", "guesses_a_day")

    def test_a_ceiling_nearly_reached(self):
        for what, column in (
            ("codes", "codes_an_hour"),
            ("codes", "codes_a_day"),
            ("guesses", "guesses_an_hour"),
            ("guesses", "guesses_a_day"),
        ):
            Meter.objects.all().delete()
            self.mails().delete()
            Brakes.objects.update(**dict.fromkeys(self.ceilings, 1_000) | {column: 10})
            self.meter(f"ceiling:{what}:now", 7)
            with self.subTest(column):
                self.assertEqual(alerts.raise_due(), [])
                Meter.objects.update(count=8)

                self.assert_told("ceiling", "8/10")

    def test_each_step_by_which_the_portal_tightens(self):
        Brakes.objects.update(guesses_an_hour=100, guesses_a_day=100)
        self.assertEqual(alerts.raise_due(), [])
        self.meter("ceiling:guesses:now", 10)

        self.assert_told("step", "bước 1/6: trình duyệt phải giải phép tính trước khi gửi mã")

        Meter.objects.filter(key="ceiling:guesses:now").update(count=30)
        self.assertEqual(alerts.raise_due(), ["step"])
        self.assertIn("bước 3/6", self.mails().latest("pk").subject)
        self.assertIn("30 %", self.mails().latest("pk").text)

    def test_addresses_closed_by_wrong_guesses(self):
        self.meter("streak:recovery:one", codes.STREAK - 1)
        self.assertEqual(alerts.raise_due(), [])

        self.guess_wrong()

        self.assert_told("guessing", "1 địa chỉ bị đóng")

    def test_addresses_whose_codes_nobody_uses(self):
        self.send_codes(6, name="once")
        self.assertEqual(alerts.raise_due(), [])

        self.send_codes(1, times=2)

        self.assert_told("unused", "1 địa chỉ")

    def test_a_second_address_is_told_of_within_the_same_hour(self):
        self.send_codes(1, times=2)
        self.assertEqual(alerts.raise_due(), ["unused"])

        self.send_codes(1, times=2, name="b")

        self.assertIn("unused", alerts.raise_due())
        self.assertNotIn("unused", alerts.raise_due())

    def test_codes_that_may_still_be_typed_are_not_told_of(self):
        for _ in range(2):
            let_pass(self, minutes=6)
            outbox.send_code(
                "a@example.vn", Purpose.RECOVERY, to="+84912466981", text="{code}", nonce="n"
            )
        Message.objects.update(state=State.ACCEPTED, to="", text="")
        self.assertEqual(alerts.raise_due(), [])

        let_pass(self, minutes=5)

        self.assertEqual(alerts.raise_due(), ["unused"])

    def test_what_the_owner_burns_in_a_browser_of_their_own_is_not_told_of(self):
        self.send_codes(1, times=2)
        Code.objects.update(from_own_browser=True)
        self.assertEqual(alerts.raise_due(), [])

        Code.objects.filter(pk=Code.objects.latest("issued_at").pk).update(from_own_browser=False)

        self.assert_told("unused", "1 địa chỉ")

    def test_few_of_the_codes_sent_are_used(self):
        self.send_codes(20, used=10)
        self.assertEqual(alerts.raise_due(), [])

        Code.objects.filter(pk=Code.objects.exclude(verified_at=None)[0].pk).update(
            verified_at=None
        )

        self.assert_told("ratio", "Chỉ 9 trên 20")

    def test_a_code_that_may_still_be_used_is_not_held_against_anybody(self):
        self.send_codes(20)
        Code.objects.update(
            issued_at=F("issued_at") + dt.timedelta(minutes=200),
            gap_until=F("gap_until") + dt.timedelta(minutes=200),
            expires_at=F("expires_at") + dt.timedelta(minutes=200),
        )

        self.assertEqual(alerts.raise_due(), [])


class OnceTests(AlertTestCase):
    def test_two_senders_tell_once(self):
        self.break_gateway()
        # The row is there already: from an empty table the race would not be seen.
        alerts.raise_due()
        Meter.objects.update(until=Now())

        at_once(lambda _: alerts.raise_due(), 2)

        self.assertEqual(self.mails().count(), 2 * len(IT))

    def test_each_kind_has_its_own_hour(self):
        self.break_gateway()
        alerts.raise_due()

        self.near_the_ceiling()
        self.guess_wrong()

        self.assertEqual(alerts.raise_due(), ["ceiling", "guessing"])

    def test_trouble_that_is_over_is_not_told_of(self):
        self.break_gateway()
        GatewayState.objects.update(paused_until=Now())

        self.assertEqual(alerts.raise_due(), [])

    @override_settings(ALERT_EMAILS=[])
    def test_without_an_address_only_the_log_tells(self):
        log = gateway.EveryLogLine(self)
        self.break_gateway()

        self.assertEqual(alerts.raise_due(), ["gateway"])

        self.assertIn("alert gateway", log.text)
        self.assertFalse(self.mails().exists())

    def test_the_mail_leaves_as_any_other(self):
        self.break_gateway()
        alerts.raise_due()

        call_command("deliver_messages", "--once")

        self.assertEqual({mail.state for mail in self.mails()}, {State.ACCEPTED})
