"""What leaves the portal, once and in time; and what is kept of it."""

import contextlib
import dataclasses
import datetime as dt
import time

from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext

from otp import codes, outbox
from otp.models import Code, Message, Purpose
from otp.suppliers.route import Route, route_from_settings
from tests.support import cast
from tests.support.programs import gateway

PHONE = "+84912466981"
WORDING = "[ThuCongVu] Ma xac thuc: {code}. Hieu luc 5 phut."
State = Message.State


class OutboxTests(TransactionTestCase):
    """An asks for codes and is told things; a supplier on this machine takes what is sent."""

    def setUp(self):
        self.supplier = gateway.supply(self)
        self.route = route_from_settings()

    def queue(self, address="an@example.vn", *, to=PHONE, purpose=Purpose.RECOVERY, text=WORDING):
        with transaction.atomic():
            issued = outbox.send_code(address, purpose, to=to, text=text, nonce="n")
        return Message.objects.get(code_id=issued.id)

    def queue_notice(self, text="Mat khau vua duoc thay doi."):
        outbox.queue_sms("an@example.vn", to=PHONE, text=text)
        return Message.objects.latest("pk")

    def deliver(self):
        return outbox.deliver_one(self.route)

    def digits_of(self, message):
        return codes.digits(message.code.pk, message.code.pepper_id)

    def make_due(self):
        Message.objects.update(due_at=Now())

    def assert_state(self, message, state, reason=None):
        message.refresh_from_db()
        self.assertEqual(message.state, state)
        if reason is not None:
            self.assertEqual(message.reason, reason)
        if state not in (State.QUEUED, State.SENDING):
            self.assertEqual((message.to, message.subject, message.text), ("", "", ""))


class DeliveryTests(OutboxTests):
    def test_a_code_goes_out_with_its_digits(self):
        message = self.queue()
        digits = self.digits_of(message)

        self.assertTrue(self.deliver())

        (given,) = self.supplier.texts
        self.assertEqual(given["to"], PHONE)
        self.assertEqual(given["text"], WORDING.replace("{code}", digits))
        self.assertIn(given["seconds"], range(270, 300))
        self.assert_state(message, State.ACCEPTED, "")
        self.assertEqual(message.gateway, "twilio")
        self.assertRegex(message.gateway_id, "^SM")

    def test_a_wording_is_not_a_format(self):
        text = "{0.__class__} {code} %s {minutes}"
        digits = self.digits_of(self.queue(text=text))

        self.deliver()

        self.assertEqual(self.supplier.texts[0]["text"], text.replace("{code}", digits))

    def test_nothing_due_sends_nothing(self):
        self.assertFalse(self.deliver())

    def test_codes_go_before_notices_and_the_oldest_first(self):
        notices = [self.queue_notice(), self.queue_notice()]
        queued = [self.queue("an@example.vn"), self.queue("binh@example.vn")]

        claimed = [outbox.claim().id for _ in range(4)]

        self.assertEqual(claimed, [message.pk for message in queued + notices])
        self.assertIsNone(outbox.claim())

    def test_a_lane_for_codes_takes_no_notice(self):
        self.queue_notice()

        self.assertIsNone(outbox.claim(codes_only=True))

    def test_a_refused_code_gives_its_place_in_the_day_back(self):
        message = self.queue()
        self.supplier.plan = [gateway.refuse(21614)]

        self.deliver()

        self.assert_state(message, State.REJECTED, "21614")
        self.assertTrue(Code.objects.get().voided)

    def test_a_refused_notice_is_given_up(self):
        message = self.queue_notice()
        self.supplier.plan = [gateway.refuse(21610)]

        self.deliver()

        self.assert_state(message, State.REJECTED, "21610")

    def test_what_did_not_leave_is_tried_again_later_and_later(self):
        message = self.queue_notice()
        with override_settings(TWILIO_API_BASE=gateway.closed_port()):
            self.route = route_from_settings()
        for tries, pause in ((1, 1), (2, 2), (3, 4), (4, 8)):
            with self.subTest(tries=tries):
                self.deliver()

                self.assert_state(message, State.QUEUED, "connect")
                self.assertEqual(message.tries, tries)
                self.assertEqual(message.due_at - message.changed_at, dt.timedelta(seconds=pause))
                self.assertFalse(self.deliver())
            self.make_due()

    def test_a_second_try_sends_the_same_digits(self):
        message = self.queue()
        digits = self.digits_of(message)
        self.supplier.plan = [gateway.too_many("0")]
        self.deliver()
        self.make_due()

        self.deliver()

        first, second = (given["text"] for given in self.supplier.texts)
        self.assertEqual(first, second)
        self.assertIn(digits, second)
        self.assert_state(message, State.ACCEPTED, "")

    def test_a_busy_supplier_is_left_alone_for_as_long_as_it_says(self):
        message = self.queue()
        self.supplier.plan = [gateway.too_many("7")]

        self.deliver()

        self.assert_state(message, State.QUEUED, "http-429")
        self.assertEqual(message.due_at - message.changed_at, dt.timedelta(seconds=7))
        self.assertFalse(Code.objects.get().voided)

    def test_what_may_have_left_is_never_sent_again(self):
        cases = {
            "500": gateway.fail(500),
            "no id": gateway.say(201, "{}"),
            "slow": gateway.hold,
            "gone": gateway.drop,
        }
        for name, answer in cases.items():
            with self.subTest(name):
                message = self.queue(f"{name.replace(' ', '')}@example.vn")
                self.supplier.texts.clear()

                with self.supplier.answers(answer):
                    self.deliver()

                self.assert_state(message, State.UNKNOWN)
                self.make_due()
                self.assertFalse(self.deliver())
                self.assertEqual(len(self.supplier.texts), 1)
                self.assertFalse(message.code.voided)

    def test_of_many_that_wait_a_claim_reads_one(self):
        with CaptureQueriesContext(connection) as claims:
            outbox.claim()
        self.assertEqual(len(claims), 2)
        for claim, index in zip(claims, ("message_codes_due", "message_notices_due"), strict=True):
            with self.subTest(index), transaction.atomic(), connection.cursor() as cursor:
                # Where nothing waits and the tables were just vacuumed, sorting nothing is cheap.
                for way in ("seqscan", "sort", "hashjoin"):
                    cursor.execute(f"SET LOCAL enable_{way} = off")
                cursor.execute(f"EXPLAIN {claim['sql']}")
                plan = "\n".join(line for (line,) in cursor.fetchall())

                self.assertIn(f"Index Scan using {index}", plan)
                self.assertNotIn("Sort", plan)

    def test_a_claim_is_committed_before_anything_is_sent(self):
        self.queue()

        with self.assertRaises(RuntimeError), transaction.atomic():
            self.deliver()

        self.assertEqual(self.supplier.texts, [])

    def test_no_transaction_is_open_while_the_supplier_is_asked(self):
        self.queue()
        seen = []

        def look(handler):
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
                seen.extend(state for (state,) in cursor)
            gateway.accept(handler)

        self.supplier.plan = [look]
        self.deliver()

        self.assertTrue(seen)
        self.assertEqual(set(seen), {"idle"})


class LateTests(OutboxTests):
    def test_a_message_past_its_time_is_not_sent(self):
        messages = [self.queue(), self.queue_notice()]
        Message.objects.update(good_until=Now())

        self.assertFalse(self.deliver())
        outbox.sweep()

        for message in messages:
            self.assert_state(message, State.EXPIRED)

    def test_a_message_whose_time_ends_after_the_claim_is_not_sent(self):
        message = self.queue()
        claimed = outbox.claim()

        outbox.deliver(dataclasses.replace(claimed, good_until=time.monotonic()), self.route)

        self.assert_state(message, State.EXPIRED)
        self.assertEqual(self.supplier.texts, [])

    def test_the_time_left_is_the_databases(self):
        self.queue()
        began = time.monotonic()
        Message.objects.update(good_until=Now() + dt.timedelta(seconds=40))

        left = outbox.claim().left

        since = dt.timedelta(seconds=time.monotonic() - began)
        self.assertLess(left, dt.timedelta(seconds=40))
        # It is counted from before the question, so the way to the database is taken off twice.
        self.assertGreaterEqual(left, dt.timedelta(seconds=40) - 2 * since)

    def test_a_code_that_was_revoked_is_not_sent(self):
        message = self.queue()
        codes.revoke("an@example.vn")

        self.assertFalse(self.deliver())
        outbox.sweep()

        self.assert_state(message, State.EXPIRED)

    def test_a_code_whose_pepper_is_gone_is_not_sent(self):
        message = self.queue()

        with override_settings(OTP_PEPPERS=["q" * 40]):
            self.deliver()

        self.assert_state(message, State.EXPIRED)
        self.assertEqual(self.supplier.texts, [])

    def test_what_waits_in_time_is_left_alone(self):
        messages = [self.queue(), self.queue_notice()]

        outbox.sweep()

        for message in messages:
            self.assert_state(message, State.QUEUED)


class CrashTests(OutboxTests):
    def claim_long_ago(self):
        claimed = outbox.claim()
        Message.objects.update(changed_at=Now() - 2 * outbox.ABANDONED)
        return claimed

    def test_what_a_dead_sender_was_sending_is_in_doubt_and_not_sent_again(self):
        message = self.queue()
        self.claim_long_ago()

        outbox.sweep()

        self.assert_state(message, State.UNKNOWN, "abandoned")
        self.make_due()
        self.assertFalse(self.deliver())

    def test_what_a_slow_sender_is_sending_is_left_to_it(self):
        message = self.queue()
        claimed = self.claim_long_ago()

        outbox.tend([claimed.id])
        outbox.sweep()

        self.assert_state(message, State.SENDING)

    def test_a_message_just_claimed_is_left_to_its_sender(self):
        message = self.queue()
        outbox.claim()

        outbox.sweep()

        self.assert_state(message, State.SENDING)

    def test_a_sender_given_up_too_early_still_says_how_it_went(self):
        for answer, state in (
            (gateway.accept, State.ACCEPTED),
            (gateway.refuse(1), State.REJECTED),
        ):
            with self.subTest(state):
                message = self.queue(f"{state}@example.vn")
                claimed = self.claim_long_ago()
                outbox.sweep()
                self.supplier.plan = [answer]

                outbox.deliver(claimed, self.route)

                self.assert_state(message, state)
                message.code.refresh_from_db()
                self.assertEqual(message.code.voided, state == State.REJECTED)

    def test_a_message_in_doubt_is_not_queued_again_by_a_late_sender(self):
        message = self.queue()
        claimed = self.claim_long_ago()
        outbox.sweep()
        self.supplier.plan = [gateway.too_many("0")]

        outbox.deliver(claimed, self.route)

        self.assert_state(message, State.UNKNOWN)

    def test_an_outcome_written_twice_does_not_touch_the_next_claim(self):
        # The commit of "queued again" may be lost on its way back, and is then repeated.
        message = self.queue()
        first = outbox.claim()
        self.supplier.plan = [gateway.too_many("0"), gateway.too_many("0")]
        outbox.deliver(first, self.route)
        self.make_due()
        second = outbox.claim()

        outbox.deliver(first, self.route)

        self.assertEqual(second.id, first.id)
        self.assert_state(message, State.SENDING)

    def test_the_outcome_survives_a_lost_connection(self):
        message = self.queue()

        def cut(handler):
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            gateway.accept(handler)

        self.supplier.plan = [cut]
        self.deliver()

        self.assert_state(message, State.ACCEPTED)

    def test_a_fault_of_our_own_while_sending_leaves_the_message_in_doubt(self):
        message = self.queue()
        log = gateway.EveryLogLine(self)

        class Faulty:
            name = "faulty"
            repeats_are_harmless = False

            def send(self, sms):
                raise KeyError(sms.to, sms.text)

        outbox.deliver_one(Route([Faulty()]))

        self.assert_state(message, State.UNKNOWN, "fault")
        self.assertIn("KeyError", log.text)
        self.assertNotIn(PHONE[3:], log.text)
        self.assertFalse(self.deliver())

    def test_a_fault_of_our_own_before_sending_loses_nothing(self):
        message = self.queue()

        with override_settings(OTP_PEPPERS=[None]):
            self.deliver()

        self.assert_state(message, State.QUEUED, "fault")
        self.make_due()
        self.deliver()
        self.assert_state(message, State.ACCEPTED)


class SecrecyTests(OutboxTests):
    def rows(self):
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT t::text FROM "{table}" AS t')
                yield from (row for (row,) in cursor)

    def test_once_sent_neither_digits_nor_number_are_anywhere(self):
        log = gateway.EveryLogLine(self)
        answers = [gateway.accept, gateway.refuse(21614), gateway.fail(500), gateway.too_many("9")]
        self.supplier.plan = list(answers)
        digits = [self.digits_of(self.queue(f"a{n}@example.vn")) for n in range(len(answers))]

        while self.deliver():
            pass
        everywhere = "\n".join(self.rows())
        Message.objects.filter(state=State.QUEUED).update(good_until=Now())
        outbox.sweep()
        later = "\n".join(self.rows())

        self.assertEqual(len(self.supplier.texts), len(answers))
        self.assertIn("***981", later)
        seen = cast.without_fractions(everywhere + log.text)
        for secret in digits:
            self.assertNotRegex(seen, cast.code_as_typed(secret))
        self.assertNotIn("912466981", later + log.text)

    def test_while_it_waits_the_digits_are_nowhere(self):
        digits = self.digits_of(self.queue())

        seen = cast.without_fractions("\n".join(self.rows()))
        self.assertNotRegex(seen, cast.code_as_typed(digits))

    def test_a_claimed_message_does_not_show_itself(self):
        self.queue()

        shown = repr(outbox.claim())

        self.assertNotIn("912466981", shown)
        self.assertNotIn("ThuCongVu", shown)
