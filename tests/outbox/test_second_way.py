"""A code that may go by several ways: Zalo first, SMS where Zalo fails or is silent (OT-16)."""

import contextlib
import datetime as dt
import threading
from unittest import mock

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from otp import codes, outbox
from otp.codes import Verdict, reasons, status
from otp.counting import keyed_names
from otp.models import Code, Message, Purpose
from otp.suppliers import http, second_way
from otp.suppliers.esms import EsmsGateway
from otp.suppliers.route import route_from_settings
from tests.suppliers import zalo
from tests.support.crowd import at_once
from tests.support.programs import gateway
from tests.support.sending import PHONE, SendingTestCase, State, let_a_sender_live
from tests.support.waiting import PATIENCE, wait_for

LIFE = dt.timedelta(minutes=5)


class WaysTestCase(SendingTestCase):
    """An office with CODE_WAYS=zns,voice,sms or a part of it, and SMS by eSMS."""

    order = ("zns", "sms")

    def setUp(self):
        super().setUp()
        self.zalo, self.calls = zalo.set_up(self, self.order)
        zalo.give_tokens(self.zalo)
        with self.settings(SMS_GATEWAY="esms"):
            self.route = route_from_settings()

    def counts(self):
        """Count what Zalo, the caller and the SMS supplier were given."""
        return len(self.zalo.texts), len(self.calls.texts), len(self.esms.texts)

    def deliver_all(self):
        while self.deliver():
            pass

    def pass_time(self, **span):
        """Let everything be so much older."""
        back = dt.timedelta(**span)
        moved = {name: F(name) - back for name in ("due_at", "changed_at", "created_at")}
        Message.objects.update(**moved, receipt_due_at=F("receipt_due_at") - back)

    def silent(self, address="an@example.vn"):
        """Queue a code that Zalo takes, and says nothing more of."""
        message = self.queue(address)
        self.deliver_all()
        self.assert_state(message, State.QUEUED)
        return message

    def receipt(self, place=-1):
        return zalo.received(self.client, self.zalo.texts[place]["tracking"])

    def told(self, message):
        """Give what became of each way, SMS the last: (way, state, reason)."""
        message.refresh_from_db()
        others = [(told["way"], told["state"], told["reason"]) for told in message.other_ways]
        own = (message.ways[0], message.state, message.reason)
        return sorted([*others, own], key=lambda told: told[0] == "sms")

    def verify(self, message, *, wrong=False):
        code = Code.objects.get(pk=message.code_id)
        guess = codes.digits(code.pk, code.pepper_id)
        return codes.verify(code.pk, Purpose.RECOVERY, guess, nonce="n").verdict


class OrderTests(WaysTestCase):
    def test_zalo_has_it_first_and_a_receipt_ends_it(self):
        message = self.silent()
        self.receipt()
        self.pass_time(seconds=30)
        self.deliver_all()

        self.assert_state(message, State.DELIVERED, by="zns")
        self.assertEqual(self.counts(), (1, 0, 0))

    def test_sms_follows_at_once_where_nothing_has_left(self):
        cases = {
            "no account": (gateway.refuse(-118), "rejected", "zns-118"),
            "takes nothing": (gateway.refuse(-119), "rejected", "zns-119"),
            "quota": (gateway.refuse(-144), "skipped", "zns-144"),
            "busy": (gateway.too_many("30"), "skipped", "http-429"),
        }
        for n, (name, (answer, state, reason)) in enumerate(cases.items()):
            with self.subTest(name):
                self.zalo.plan = [answer]
                message = self.queue(f"a{n}@example.vn", to=f"+8491246698{n}")
                self.deliver_all()

                self.assert_state(message, State.ACCEPTED, "", by="esms")
                self.assertEqual(
                    self.told(message), [("zns", state, reason), ("sms", "accepted", "")]
                )
                self.assertFalse(Code.objects.get(pk=message.code_id).voided)
        self.assertEqual(self.counts(), (4, 0, 4))

    def test_without_tokens_sms_follows_at_once(self):
        self.zalo.access, self.zalo.refresh = "", "spent"
        message = self.queue()

        self.deliver_all()

        self.assert_state(message, State.ACCEPTED, by="esms")
        self.assertEqual(self.told(message)[0], ("zns", "skipped", "token"))

    def test_silence_is_waited_for_twenty_seconds(self):
        message = self.silent()
        self.pass_time(seconds=19)
        self.deliver_all()
        self.assert_state(message, State.QUEUED)

        self.pass_time(seconds=1)
        self.deliver_all()

        self.assert_state(message, State.ACCEPTED, by="esms")
        self.assertEqual(self.counts(), (1, 0, 1))
        self.assertEqual(self.told(message)[0], ("zns", "accepted", ""))

    def test_the_digits_are_the_same(self):
        self.silent()
        self.pass_time(seconds=20)
        self.deliver_all()

        self.assertIn(self.zalo.texts[0]["text"]["otp"], self.esms.texts[0]["text"])

    def test_an_answer_that_nobody_knows_hands_on_at_once(self):
        for n, answer in enumerate((gateway.fail(500), gateway.drop, gateway.say(200, "x"))):
            self.zalo.plan = [answer]
            message = self.queue(f"a{n}@example.vn", to=f"+8491246698{n}")
            self.deliver_all()

            self.assert_state(message, State.ACCEPTED, by="esms")
            self.assertEqual(self.told(message)[0][:2], ("zns", "unknown"))
        self.assertEqual(self.counts(), (3, 0, 3))

    def test_words_for_callers_and_numbers_to_confirm_never_go_by_zalo(self):
        for purpose in (Purpose.CALLER, Purpose.PHONE):
            outbox.send_code(f"{purpose}@example.vn", purpose, to=PHONE, text="{code}", nonce="n")
        self.deliver_all()

        self.assertEqual(self.counts(), (0, 0, 2))

    def test_a_choice_goes_first_and_sms_follows_it(self):
        cases = {"": ["zns", "sms"], "sms": [], "zns": ["zns", "sms"], "voice": ["zns", "sms"]}
        for first, ways in cases.items():
            with self.subTest(first):
                self.assertEqual(outbox.ways_of(Purpose.RECOVERY, first), ways)

    def test_a_refused_sms_after_a_doubt_gives_no_place_back(self):
        message = self.silent()
        self.esms.plan = [gateway.refuse(99)]
        self.pass_time(seconds=20)

        self.deliver_all()

        self.assert_state(message, State.ACCEPTED, by="zns")
        self.assertEqual(self.told(message)[1], ("sms", "rejected", "99"))
        self.assertFalse(Code.objects.get().voided)

    def test_what_no_way_takes_gives_its_place_back(self):
        self.zalo.plan, self.esms.plan = [gateway.refuse(-118)], [gateway.refuse(99)]
        message = self.queue()

        self.deliver_all()

        self.assert_state(message, State.REJECTED, "99", by="esms")
        self.assertTrue(Code.objects.get().voided)


class OnceTests(WaysTestCase):
    """What may have gone is repeated once at most, and never when nobody needs it."""

    @mock.patch.object(EsmsGateway, "repeats_are_harmless", False)
    def test_after_the_second_way_nothing_follows(self):
        message = self.silent()
        self.pass_time(seconds=20)
        self.esms.plan = [gateway.say(200, "x")]
        self.deliver_all()
        self.pass_time(seconds=200)
        outbox.sweep()
        self.deliver_all()

        self.assertEqual(self.counts(), (1, 0, 1))
        # Zalo took it, of which more is known than of the SMS.
        self.assert_state(message, State.ACCEPTED, by="zns")
        self.assertEqual(self.told(message)[1][:2], ("sms", "unknown"))

    def test_a_used_code_is_not_repeated_and_is_forgotten(self):
        message = self.silent()
        self.assertEqual(self.verify(message), Verdict.RIGHT)
        self.pass_time(seconds=20)
        self.deliver_all()
        outbox.sweep()

        self.assert_state(message, State.ACCEPTED, by="zns")
        self.assertEqual(self.counts(), (1, 0, 0))

    def test_a_revoked_or_expired_code_is_not_repeated(self):
        for n, kill in enumerate((codes.revoke, _let_expire)):
            with self.subTest(kill.__name__):
                message = self.silent(f"a{n}@example.vn")
                kill(f"a{n}@example.vn")
                self.pass_time(seconds=20)
                self.deliver_all()
                outbox.sweep()

                self.assert_state(message, State.ACCEPTED, by="zns")
                self.assertFalse(Code.objects.get(pk=message.code_id).voided)
        self.assertEqual(self.counts(), (2, 0, 0))

    def test_many_senders_send_one_sms(self):
        messages = [self.silent(f"a{n}@example.vn") for n in range(4)]
        self.pass_time(seconds=20)

        at_once(lambda _: self.deliver(), crowd=12)

        self.assertEqual(self.counts(), (4, 0, 4))
        for message in messages:
            self.assert_state(message, State.ACCEPTED, by="esms")

    def test_a_sender_that_dies_over_zalo_leaves_it_to_sms(self):
        message = self.queue()
        claimed = outbox.claim()
        self.pass_time(seconds=121)
        outbox.sweep()
        self.deliver_all()

        self.assert_state(message, State.ACCEPTED, by="esms")
        self.assertEqual(self.told(message)[0], ("zns", "unknown", "abandoned"))
        # It had only been stopped for a while.
        outbox.deliver(claimed, self.route)
        self.deliver_all()
        self.assertEqual(self.counts(), (1, 0, 1))
        self.assert_state(message, State.ACCEPTED, by="esms")

    def test_a_sender_that_dies_over_the_sms_ends_it(self):
        message = self.silent()
        self.pass_time(seconds=20)
        outbox.claim()
        self.pass_time(seconds=121)
        outbox.sweep()
        self.deliver_all()

        self.assert_state(message, State.ACCEPTED, by="zns")
        self.assertEqual(self.told(message)[1], ("sms", "unknown", "abandoned"))
        self.assertEqual(self.counts(), (1, 0, 0))

    def test_number_and_wording_are_kept_no_longer_than_needed(self):
        message = self.silent()
        self.assertNotEqual(message.to, "")
        self.pass_time(seconds=20)

        self.deliver_all()

        self.assert_state(message, State.ACCEPTED)
        self.assertNotIn(PHONE, str(Message.objects.values().get()))


class LateReceiptTests(WaysTestCase):
    def test_one_that_comes_before_the_answer_stands(self):
        message = self.queue()
        claimed = outbox.claim()
        tracking = zalo.tracking_id(message.pk)
        zalo.received(self.client, tracking)

        outbox.deliver(claimed, self.route)
        self.deliver_all()

        self.assert_state(message, State.DELIVERED, by="zns")
        self.assertEqual(self.counts(), (1, 0, 0))

    def test_one_that_comes_while_the_sms_goes_is_written_beside_it(self):
        message = self.silent()
        self.pass_time(seconds=20)
        claimed = outbox.claim()
        self.receipt()
        self.assert_state(message, State.SENDING)

        outbox.deliver(claimed, self.route)

        self.assert_state(message, State.DELIVERED, by="zns")
        self.assertEqual(self.told(message), [("zns", "delivered", ""), ("sms", "accepted", "")])
        self.assertEqual(self.counts(), (1, 0, 1))

    def test_one_that_comes_after_it_all(self):
        message = self.silent()
        self.pass_time(seconds=20)
        self.deliver_all()

        self.receipt()
        self.receipt()

        self.assert_state(message, State.DELIVERED, by="zns")
        self.assertEqual(len(self.told(message)), 2)

    def test_the_second_ways_own_report_is_written_too(self):
        message = self.silent()
        self.pass_time(seconds=20)
        self.deliver_all()
        self.receipt()

        address = self.esms.texts[0]["report_to"].removeprefix("http://testserver")
        self.client.get(address, {"SendStatus": "5", "SendSuccess": "1", "SMSID": "1"})

        self.assertEqual(self.told(message), [("zns", "delivered", ""), ("sms", "delivered", "")])

    def test_in_the_very_last_moment_there_is_never_a_second_sms(self):
        for n in range(6):
            message = self.silent(f"a{n}@example.vn")
            before = self.counts()[2]
            self.pass_time(seconds=20)

            at_once(lambda who: self.receipt() if who == 0 else self.deliver(), crowd=5)
            self.deliver_all()

            self.assertLessEqual(self.counts()[2] - before, 1)
            self.assert_state(message, State.DELIVERED, by="zns")

    def test_a_claim_waits_for_no_receipt_that_is_being_written(self):
        message = self.silent()
        self.pass_time(seconds=20)
        holding, done = threading.Event(), threading.Event()

        def hold_row():
            with contextlib.closing(connection), second_way.transaction.atomic():
                Message.objects.select_for_update().get(pk=message.pk)
                holding.set()
                done.wait(PATIENCE)

        thread = threading.Thread(target=hold_row)
        thread.start()
        wait_for(holding.is_set, "the row's lock")

        self.assertFalse(self.deliver())

        done.set()
        thread.join()
        self.assertTrue(self.deliver())


class VoiceTests(WaysTestCase):
    order = ("zns", "voice", "sms")

    def test_nobody_who_answers_leaves_it_to_sms(self):
        self.zalo.plan = [gateway.refuse(-118)]
        message = self.queue()
        self.deliver_all()
        self.assertEqual(self.counts(), (1, 1, 0))

        zalo.call_came_to(self.client, message.pk, "no-answer")
        self.deliver_all()

        self.assert_state(message, State.ACCEPTED, by="esms")
        self.assertEqual(
            [told[:2] for told in self.told(message)],
            [("zns", "rejected"), ("voice", "failed"), ("sms", "accepted")],
        )

    def test_somebody_who_answers_ends_it(self):
        self.zalo.plan = [gateway.refuse(-118)]
        message = self.queue()
        self.deliver_all()

        zalo.call_came_to(self.client, message.pk, "in-progress")
        self.pass_time(seconds=60)
        self.deliver_all()

        self.assert_state(message, State.DELIVERED, by="voice")
        self.assertEqual(self.counts(), (1, 1, 0))

    def test_of_three_ways_two_at_most_may_have_gone(self):
        message = self.silent()
        self.pass_time(seconds=20)
        self.deliver_all()
        self.pass_time(seconds=60)
        self.deliver_all()

        self.assertEqual(self.counts(), (1, 1, 0))
        self.assert_state(message, State.ACCEPTED)

    def test_a_busy_line_after_a_doubt_is_the_end(self):
        message = self.silent()
        self.pass_time(seconds=20)
        self.deliver_all()
        zalo.call_came_to(self.client, message.pk, "busy")
        self.pass_time(seconds=60)
        self.deliver_all()

        self.assert_state(message, State.ACCEPTED, by="zns")
        self.assertEqual(self.counts(), (1, 1, 0))


class StrangersTests(WaysTestCase):
    def outlook(self, address):
        code = Code.objects.get(address_key=keyed_names.name_of("address", address))
        return codes.outlook_of(code.pk, address)

    def test_who_waits_for_a_receipt_and_a_decoy_are_told_the_same(self):
        let_a_sender_live()
        self.silent("an@example.vn")
        self.queue("nobody@example.vn", to="")
        for seconds in (4, 6, 6, 6):
            self.pass_time(seconds=seconds)
            outbox.sweep()
            known, unknown = self.outlook("an@example.vn"), self.outlook("nobody@example.vn")
            with self.subTest(seconds):
                self.assertEqual(
                    (known.handed_over, known.delayed), (unknown.handed_over, unknown.delayed)
                )
        self.assertTrue(known.handed_over)

    def test_one_code_is_counted_once(self):
        self.silent()
        self.pass_time(seconds=20)
        self.deliver_all()

        self.assertEqual(Code.objects.count(), 1)
        self.assertEqual(Message.objects.count(), 1)

    def test_a_supplier_that_knows_its_repeats_may_have_it_again_until_the_end(self):
        message = self.silent()
        self.esms.plan = [gateway.say(200, "x")]
        self.pass_time(seconds=20)
        self.deliver_all()
        self.assert_state(message, State.QUEUED, by="esms")
        _let_expire("an@example.vn")
        outbox.sweep()

        self.assert_state(message, State.ACCEPTED, by="zns")
        self.assertEqual(self.told(message)[1], ("sms", "unknown", "unreadable"))


class StaffTests(WaysTestCase):
    def test_what_became_of_each_way_is_told_to_the_hotline_and_to_it(self):
        self.zalo.plan = [gateway.refuse(-118)]
        message = self.queue()
        self.deliver_all()
        message.refresh_from_db()

        (fate,) = status.status_of("an@example.vn").fates
        for told in (fate.sent, reasons.fate_in_words(message)):
            self.assertEqual(
                told,
                "Zalo: nơi nhận từ chối (số này không có tài khoản Zalo); SMS: nhà mạng đã nhận",
            )
        self.assertEqual((fate.reason, fate.gateway), ("", "esms"))


class BreakerTests(WaysTestCase):
    def test_after_five_failures_zalo_is_gone_round(self):
        with mock.patch.object(http, "TIMEOUTS", (0.3, PATIENCE)):
            self.zalo.plan = [gateway.refuse(-115)] * 9
            for n in range(7):
                self.queue(f"a{n}@example.vn", to=f"+8491246698{n}")
            self.deliver_all()

        self.assertEqual(self.counts(), (5, 0, 7))

    def test_numbers_without_zalo_pause_nothing(self):
        self.zalo.plan = [gateway.refuse(-118)] * 9
        for n in range(7):
            self.queue(f"a{n}@example.vn", to=f"+8491246698{n}")
        self.deliver_all()

        self.assertEqual(self.counts(), (7, 0, 7))


def _let_expire(address):
    Code.objects.filter(verified_at=None).update(expires_at=Now())
