"""What the gateway makes of Zalo's answers, how its tokens are kept, and who reports (OT-17)."""

import contextlib
import datetime as dt
import io
import threading
from unittest import mock

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import override_settings

from otp.models import SupplierTokens
from otp.outbox import alerts
from otp.suppliers import http
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, Unknown
from otp.suppliers.route import route_from_settings
from otp.suppliers.zns import tokens
from otp.suppliers.zns.gateway import ZnsGateway
from tests.suppliers import zalo
from tests.support.crowd import at_once
from tests.support.programs import gateway
from tests.support.sending import PHONE, SendingTestCase, State
from tests.support.waiting import wait_for

CODE = "905217"


class ZnsTests(SendingTestCase):
    def setUp(self):
        super().setUp()
        self.zalo, self.calls = zalo.set_up(self, ("zns", "sms"))
        self.route = route_from_settings()
        zalo.give_tokens(self.zalo)
        self.zalo.renewals.clear()
        self.log = gateway.EveryLogLine(self)

    def send(self):
        sms = Sms(PHONE, "", dt.timedelta(seconds=300), message_id=7, code=CODE)
        return ZnsGateway().send(sms)

    def age(self, **span):
        """Let the access token end so far from now."""
        SupplierTokens.objects.update(ends_at=Now() + dt.timedelta(**span))


class AnswerTests(ZnsTests):
    def test_the_template_is_filled_with_the_digits(self):
        gateway_id = self.send()

        self.assertRegex(gateway_id, "^z")
        (given,) = self.zalo.texts
        self.assertEqual(given["to"], "84912466981")
        self.assertEqual(given["text"], {"otp": CODE})
        self.assertEqual(given["template"], zalo.TEMPLATE)
        self.assertEqual(given["path"], "/message/template")
        self.assertLessEqual(len(given["tracking"]), 48)

    def test_what_lies_with_the_number_refuses_it(self):
        for code in (-108, -114, -118, -119, -139):
            with self.subTest(code), self.assertRaises(GatewayRefused) as caught:
                self.zalo.plan = [gateway.refuse(code)]
                self.send()
            self.assertEqual(caught.exception.reason, f"zns{code}")

    def test_what_lies_with_the_office_did_not_leave(self):
        for code in (-101, -109, -115, -117, -144, -147):
            with self.subTest(code), self.assertRaises(NotSent):
                self.zalo.plan = [gateway.refuse(code)]
                self.send()
        for answer in (gateway.too_many("9"), gateway.say(403, "{}")):
            with self.assertRaises(NotSent):
                self.zalo.plan = [answer]
                self.send()

    def test_all_else_may_have_left(self):
        cases = {
            "unknown error": gateway.refuse(-100),
            "a code that nobody knows": gateway.refuse(12),
            "500": gateway.fail(500),
            "no JSON": gateway.say(200, "<html>proxy</html>"),
            "no code": gateway.say(200, '{"error": null}'),
            "true": gateway.say(200, '{"error": true}'),
            "gone": gateway.drop,
        }
        for name, answer in cases.items():
            with self.subTest(name), self.assertRaises(Unknown):
                self.zalo.plan = [answer]
                self.send()

    def test_no_log_shows_digits_number_or_token(self):
        self.send()
        self.zalo.plan = [gateway.refuse(-118)]
        with self.assertRaises(GatewayRefused):
            self.send()

        for secret in (CODE, PHONE, PHONE[1:], self.zalo.access, self.zalo.refresh, zalo.APP_KEY):
            self.assertNotIn(secret, self.log.text)


class TokenTests(ZnsTests):
    def test_it_is_renewed_before_its_end_and_the_new_one_is_used(self):
        before = self.zalo.access
        self.age(minutes=59)

        self.send()

        self.assertNotEqual(self.zalo.access, before)
        self.assertEqual(self.zalo.texts[0]["token"], self.zalo.access)
        asked = self.zalo.renewals[0]
        self.assertTrue(asked["known"])
        self.assertEqual(asked["renews"]["grant_type"], "refresh_token")
        self.assertEqual(asked["renews"]["app_id"], zalo.APP_ID)

    def test_a_good_one_is_not_renewed(self):
        self.send()

        self.assertEqual(self.zalo.renewals, [])

    def test_one_that_is_refused_is_renewed_and_the_code_goes(self):
        self.zalo.access = "made-elsewhere"

        self.send()

        self.assertEqual([len(self.zalo.renewals), len(self.zalo.texts)], [1, 2])

    def test_of_many_that_need_it_one_renews(self):
        self.age(minutes=-1)
        outcomes = []

        def act(_):
            try:
                self.send()
            except NotSent as error:
                # The code goes by SMS at once, and the breaker counts no failure.
                outcomes.append((error.reason, error.retry_after is not None))

        at_once(act, crowd=8)

        self.assertEqual(len(self.zalo.renewals), 1)
        self.assertEqual(set(outcomes) - {("token", True)}, set())
        self.assertFalse(tokens.trouble())

    def test_whoever_waits_for_none_goes_on_with_the_old_one(self):
        self.age(minutes=30)
        answered = threading.Event()

        def slow(handler):
            answered.wait(20)
            handler.accept()

        self.zalo.token_plan = [slow]

        def send_elsewhere():
            with contextlib.closing(connection):
                self.send()

        renewing = threading.Thread(target=send_elsewhere)
        renewing.start()
        wait_for(lambda: self.zalo.renewals, "the renewal")
        old = self.zalo.access

        self.send()

        self.assertEqual(self.zalo.texts[0]["token"], old)
        answered.set()
        renewing.join()
        self.assertEqual(len(self.zalo.renewals), 1)

    def test_a_lease_of_one_that_died_runs_out(self):
        self.age(minutes=-1)
        SupplierTokens.objects.update(leased_until=Now() + dt.timedelta(seconds=30))
        with self.assertRaises(NotSent):
            self.send()
        SupplierTokens.objects.update(leased_until=Now())

        self.send()

        self.assertEqual(len(self.zalo.renewals), 1)

    def test_it_is_told_once_nothing_renews_them(self):
        self.age(minutes=-1)
        self.zalo.refresh = "spent elsewhere"

        with self.assertRaises(NotSent) as caught:
            self.send()

        self.assertEqual(caught.exception.reason, "token")
        self.assertEqual(tokens.trouble(), "refused")
        self.assertIn("zalo", alerts.raise_due())
        with self.assertRaises(NotSent):
            self.send()
        self.assertEqual(len(self.zalo.renewals), 1)  # it is not asked again and again

    def test_an_answer_that_does_not_come_says_nothing_of_the_token(self):
        self.age(minutes=30)
        self.zalo.token_plan = [gateway.fail(500)]

        self.send()
        self.send()

        self.assertEqual(len(self.zalo.renewals), 2)
        self.assertEqual(tokens.trouble(), "")

    def test_none_stands_in_the_table_in_clear(self):
        row = SupplierTokens.objects.values().get()

        for secret in (self.zalo.access, self.zalo.refresh):
            self.assertNotIn(secret, str(row))

    def test_a_new_secret_key_in_front_of_the_old_opens_them(self):
        with override_settings(
            SECRET_KEY="n" * 50, SECRET_KEY_FALLBACKS=["other", settings.SECRET_KEY]
        ):
            self.age(minutes=30)
            self.send()
        with override_settings(SECRET_KEY="n" * 50, SECRET_KEY_FALLBACKS=[]):
            self.send()  # because the renewal sealed them anew
        with override_settings(SECRET_KEY="lost" * 9, SECRET_KEY_FALLBACKS=[]):
            with self.assertRaises(NotSent):
                self.send()
            self.assertEqual(tokens.trouble(), "sealed")


class CommandTests(ZnsTests):
    def give(self, text):
        out = io.StringIO()
        with mock.patch("sys.stdin", io.StringIO(text)):
            call_command("zns_tokens", stdout=out)
        return out.getvalue()

    def test_a_pair_is_kept_and_renewed_as_a_proof(self):
        SupplierTokens.objects.all().delete()
        self.zalo.access, self.zalo.refresh = "first-access", "first-refresh"

        said = self.give("first-access\nfirst-refresh\n")

        self.assertIn("renewed", said)
        self.send()

    def test_what_is_no_pair_is_turned_down(self):
        for text in ("", "one\n", "a\nb\nc\n", "é\nb\n"):
            with self.subTest(text), self.assertRaises(CommandError):
                self.give(text)

    def test_a_pair_that_zalo_does_not_know_is_said(self):
        with self.assertRaisesRegex(CommandError, "another"):
            self.give("a\nb\n")

    def test_where_zalo_is_away_the_pair_is_kept(self):
        self.zalo.token_plan = [gateway.fail(500)]
        with self.assertRaisesRegex(CommandError, "kept"):
            self.give(f"{self.zalo.access}\n{self.zalo.refresh}\n")

        self.send()


class EventTests(ZnsTests):
    def sent(self):
        message = self.queue()
        message.ways = ["zns"]
        message.save()
        self.deliver()
        self.assert_state(message, State.ACCEPTED, by="zns")
        return message

    def test_a_signed_event_says_that_it_arrived(self):
        message = self.sent()

        r = zalo.received(self.client, self.zalo.texts[-1]["tracking"])

        self.assertEqual(r.status_code, 200)
        self.assert_state(message, State.DELIVERED, by="zns")

    def test_strangers_are_turned_away(self):
        message = self.sent()
        tracking = self.zalo.texts[-1]["tracking"]
        for how in ({"key": "another"}, {"signature": ""}, {"signature": "mac=é"}):
            with self.subTest(how):
                self.assertEqual(zalo.received(self.client, tracking, **how).status_code, 403)
        with override_settings(CODE_WAYS=type(zalo.CodeWays())()):
            self.assertEqual(zalo.received(self.client, tracking, key="").status_code, 403)
        self.assert_state(message, State.ACCEPTED)

    def test_what_it_does_not_know_changes_nothing(self):
        message = self.sent()
        other = self.zalo.texts[-1]["tracking"].replace(f"{message.pk}.", f"{message.pk + 1}.")
        for tracking in (other, "", "x", f"{message.pk}.{'0' * 32}"):
            with self.subTest(tracking):
                self.assertEqual(zalo.received(self.client, tracking).status_code, 200)
        zalo.received(self.client, self.zalo.texts[-1]["tracking"], name="user_seen_message")
        self.assert_state(message, State.ACCEPTED)


class SilenceTests(ZnsTests):
    def test_silence_may_mean_that_it_left(self):
        self.zalo.plan = [gateway.hold]
        with mock.patch.object(http, "TIMEOUTS", (0.3, 0.3)), self.assertRaises(Unknown):
            self.send()
