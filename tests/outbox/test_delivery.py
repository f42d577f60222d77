"""What leaves the portal, once and in time; and what is kept of it."""

import contextlib
import dataclasses
import datetime as dt
import io
import json
import stat
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

from django.core.checks import run_checks
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test import SimpleTestCase, TransactionTestCase, override_settings

from otp import codes, outbox
from otp.models import Code, Message, Meter, Purpose
from otp.suppliers import http
from otp.suppliers.gateway import ConsoleGateway, FileGateway, Sms
from otp.suppliers.route import Route, route_from_settings
from tests.support import gateway

PHONE = "+84912466981"
WORDING = "[ThuCongVu] Ma xac thuc: {code}. Hieu luc 5 phut."
State = Message.State


class OutboxTests(TransactionTestCase):
    """An asks for codes and is told things; a supplier on this machine takes what is sent."""

    def setUp(self):
        self.supplier = gateway.supply(self)
        self.route = route_from_settings()

    def queue(self, address="an@example.vn", *, to=PHONE, purpose=Purpose.RECOVERY, **changes):
        with transaction.atomic():
            issued = codes.issue(address, purpose, nonce="n")
            outbox.queue_code(dataclasses.replace(issued, **changes), to=to, text=WORDING)
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


class QueueTests(OutboxTests):
    def test_a_code_waits_without_its_digits(self):
        message = self.queue()

        self.assert_state(message, State.QUEUED)
        self.assertEqual(message.text, WORDING)
        self.assertEqual(message.to, PHONE)
        self.assertEqual(message.to_masked, "***981")
        self.assertEqual(message.good_until, message.code.expires_at)
        self.assertEqual(message.address_key, message.code.address_key)

    def test_a_decoy_is_kept_but_never_sent(self):
        message = self.queue(to="")

        self.assertFalse(self.deliver())
        self.assert_state(message, State.SKIPPED, "decoy")

    def test_a_closed_address_is_sent_nothing(self):
        message = self.queue(closed=True)

        self.assertFalse(self.deliver())
        self.assert_state(message, State.SKIPPED, "closed")
        self.assertEqual(message.to_masked, "***981")

    def test_a_code_and_a_decoy_cost_the_same_statements(self):
        # The ceilings' own meters are there from now on.
        self.queue("first@example.vn", to="+84987466981")
        for name, to, closed in (
            ("code", PHONE, False),
            ("decoy", "", False),
            ("closed", PHONE, True),
        ):
            issued = codes.issue(f"{name}@example.vn", Purpose.RECOVERY, nonce="n")
            issued = dataclasses.replace(issued, closed=closed)
            meters = Meter.objects.count()
            with self.subTest(name), self.assertNumQueries(1):
                outbox.queue_code(issued, to=to, text=WORDING)
            self.assertEqual(Meter.objects.count(), meters + 1, name)

    def test_a_decoy_wakes_the_sender_as_a_code_does(self):
        with connection.cursor() as cursor:
            cursor.execute("LISTEN otp_message")
        for name, to in (("code", PHONE), ("decoy", "")):
            with self.subTest(name):
                self.queue(f"{name}@example.vn", to=to)

                woken = list(connection.connection.notifies(timeout=5, stop_after=1))

                self.assertEqual(
                    [(call.channel, call.payload) for call in woken], [("otp_message", "")]
                )
        connection.close()

    def test_a_number_gets_so_many_codes_a_day_over_all_addresses_and_purposes(self):
        asked = [self.queue(f"a{n}@example.vn", purpose=list(Purpose)[n % 2]) for n in range(8)]

        states = [(message.state, message.reason) for message in asked]
        granted = [(State.QUEUED, "")] * outbox.NUMBER_CAP.count
        self.assertEqual(states, granted + [(State.SKIPPED, "number-cap")] * 2)
        self.assertEqual(asked[-1].to, "")
        self.assertEqual(self.queue("b@example.vn", to="+84987466981").state, State.QUEUED)

    def test_decoys_and_closed_addresses_cost_a_number_nothing(self):
        for n in range(outbox.NUMBER_CAP.count):
            self.queue(f"closed{n}@example.vn", closed=True)
            self.queue(f"decoy{n}@example.vn", to="")

        self.assertEqual(self.queue().state, State.QUEUED)

    def test_a_day_later_a_number_gets_as_many_codes_again(self):
        for n in range(outbox.NUMBER_CAP.count):
            self.queue(f"a{n}@example.vn")
        Meter.objects.update(until=Now())

        again = [self.queue(f"b{n}@example.vn").state for n in range(outbox.NUMBER_CAP.count + 1)]

        self.assertEqual(again, [State.QUEUED] * outbox.NUMBER_CAP.count + [State.SKIPPED])

    def test_a_number_over_its_cap_still_gets_notices(self):
        for n in range(outbox.NUMBER_CAP.count + 1):
            self.queue(f"a{n}@example.vn")

        self.assertEqual(self.queue_notice().state, State.QUEUED)

    def test_requests_at_once_share_the_numbers_cap(self):
        # The first charge is there already: from an empty table the race would not be seen.
        self.queue("first@example.vn")
        together = threading.Barrier(12)

        def ask(n):
            with contextlib.closing(connection):
                together.wait()
                self.queue(f"a{n}@example.vn")

        threads = [threading.Thread(target=ask, args=[n]) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        queued = Message.objects.filter(state=State.QUEUED).count()
        self.assertEqual(queued, outbox.NUMBER_CAP.count)
        self.assertEqual(Message.objects.count(), 13)

    def test_a_cause_that_fails_leaves_no_message(self):
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            self.queue_notice()
            _ = 1 / 0

        self.assertFalse(Message.objects.exists())

    def test_the_database_keeps_no_number_of_what_has_left(self):
        for kept in ({"to": PHONE}, {"text": "x"}, {"subject": "x"}):
            message = self.queue_notice()
            gone = {"to": "", "text": "", "subject": "", "state": State.ACCEPTED}
            with self.subTest(kept), self.assertRaises(IntegrityError):
                Message.objects.filter(pk=message.pk).update(**gone | kept)


class DeliveryTests(OutboxTests):
    def test_a_code_goes_out_with_its_digits(self):
        message = self.queue()
        digits = self.digits_of(message)

        self.assertTrue(self.deliver())

        (given,) = self.supplier.texts
        self.assertEqual(given["to"], PHONE)
        self.assertEqual(given["text"], WORDING.replace("{code}", digits))
        self.assertIn(given["seconds"], range(290, 300))
        self.assert_state(message, State.ACCEPTED, "")
        self.assertEqual(message.gateway, "twilio")
        self.assertRegex(message.gateway_id, "^SM")

    def test_a_wording_is_not_a_format(self):
        text = "{0.__class__} {code} %s {minutes}"
        issued = codes.issue("an@example.vn", Purpose.RECOVERY, nonce="n")
        outbox.queue_code(issued, to=PHONE, text=text)
        digits = self.digits_of(Message.objects.get())

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
            with self.subTest(name), mock.patch.object(http, "TIMEOUTS", (0.3, 0.3)):
                message = self.queue(f"{name.replace(' ', '')}@example.vn")
                self.supplier.texts.clear()
                self.supplier.plan = [answer]

                self.deliver()

                self.assert_state(message, State.UNKNOWN)
                self.make_due()
                self.assertFalse(self.deliver())
                self.assertEqual(len(self.supplier.texts), 1)
                self.assertFalse(message.code.voided)

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
        Message.objects.update(good_until=Now() + dt.timedelta(seconds=40))

        left = outbox.claim().left

        self.assertLess(left, dt.timedelta(seconds=40))
        self.assertGreater(left, dt.timedelta(seconds=35))

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
        for secret in digits:
            self.assertNotIn(secret, everywhere + log.text)
        self.assertNotIn("912466981", later + log.text)

    def test_while_it_waits_the_digits_are_nowhere(self):
        digits = self.digits_of(self.queue())

        self.assertNotIn(digits, "\n".join(self.rows()))

    def test_a_claimed_message_does_not_show_itself(self):
        self.queue()

        shown = repr(outbox.claim())

        self.assertNotIn("912466981", shown)
        self.assertNotIn("ThuCongVu", shown)


class MailTests(OutboxTests):
    def setUp(self):
        super().setUp()
        self.server = gateway.MailServer()
        self.addCleanup(self.server.close)

    def send(self, **answers):
        self.server.answers = answers
        outbox.queue_mail(
            "an@example.vn", to="an@example.vn", subject="Mật khẩu đã đổi", text="Đã đổi mật khẩu."
        )
        message = Message.objects.latest("pk")
        smtp = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend"}
        with override_settings(
            **smtp, EMAIL_HOST="127.0.0.1", EMAIL_PORT=self.server.port, EMAIL_TIMEOUT=1
        ):
            self.assertTrue(self.deliver())
        message.refresh_from_db()
        return message

    def test_a_notice_by_mail_arrives(self):
        message = self.send()

        self.assert_state(message, State.ACCEPTED)
        self.assertEqual(message.gateway, "mail")
        self.assertEqual(message.to_masked, "***@example.vn")
        (mail,) = self.server.mails
        self.assertIn(f"Message-ID: <{message.gateway_id}@", mail)
        self.assertIn("To: an@example.vn", mail)
        self.assertIn('Content-Type: text/plain; charset="utf-8"', mail)

    def test_the_servers_no_is_final(self):
        for command in ("MAIL", "RCPT", "DATA", "END"):
            with self.subTest(command):
                message = self.send(**{command: "550 no such person an@example.vn"})

                self.assert_state(message, State.REJECTED, "smtp-550")

    def test_not_now_is_tried_again(self):
        for command in ("MAIL", "RCPT", "DATA", "END"):
            with self.subTest(command):
                message = self.send(**{command: "450 come back later"})

                self.assert_state(message, State.QUEUED, "smtp-450")
                self.assertEqual(message.to, "an@example.vn")
            Message.objects.all().delete()

    def test_no_word_after_the_text_means_that_it_may_have_gone(self):
        message = self.send(END=None)

        self.assert_state(message, State.UNKNOWN, "smtp-no-answer")

    def test_a_server_that_is_away_is_tried_again(self):
        self.server.close()

        message = self.send()

        self.assert_state(message, State.QUEUED, "smtp-connect")

    def test_a_bad_farewell_changes_nothing(self):
        message = self.send(QUIT="500 what")

        self.assert_state(message, State.ACCEPTED)


class FileTests(OutboxTests):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "sms.jsonl"
        settings = override_settings(SMS_GATEWAY="file", SMS_FILE=str(self.file))
        settings.enable()
        self.addCleanup(settings.disable)
        self.route = route_from_settings()

    def test_each_text_is_a_line_that_only_the_owner_reads(self):
        message = self.queue()
        digits = self.digits_of(message)
        self.deliver()
        self.queue_notice("Đã đổi\nmật khẩu")

        self.deliver()

        first, second = map(json.loads, self.file.read_text().splitlines())
        message.refresh_from_db()
        self.assertEqual(set(first), {"id", "to", "text", "at"})
        self.assertEqual((first["to"], first["id"]), (PHONE, message.gateway_id))
        self.assertIn(digits, first["text"])
        self.assertIsNotNone(dt.datetime.fromisoformat(first["at"]).tzinfo)
        self.assertEqual(second["text"], "Đã đổi\nmật khẩu")
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_a_file_that_cannot_be_written_is_tried_again(self):
        self.file.mkdir()
        message = self.queue()

        self.deliver()

        self.assert_state(message, State.QUEUED, "file-unwritable")

    def test_lines_written_at_once_do_not_mix(self):
        carrier = FileGateway()
        sms = Sms(PHONE, "x" * 5_000, good_for=dt.timedelta(1))
        writers = [
            threading.Thread(target=lambda: [carrier.send(sms) for _ in range(20)])
            for _ in range(8)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

        self.assertEqual(
            {json.loads(line)["text"] for line in self.file.read_text().splitlines()}, {sms.text}
        )
        self.assertEqual(len(self.file.read_text().splitlines()), 160)

    def test_the_console_masks_the_number(self):
        screen = io.StringIO()
        with contextlib.redirect_stderr(screen):
            ConsoleGateway().send(Sms(PHONE, "hello", good_for=dt.timedelta(1)))

        self.assertEqual(screen.getvalue(), "SMS ***981: hello\n")


class CommandTests(OutboxTests):
    def test_once_sends_what_is_due_and_clears_up(self):
        sent = [self.queue(), self.queue_notice()]
        late = self.queue("late@example.vn")
        Message.objects.filter(pk=late.pk).update(good_until=Now())

        call_command("deliver_messages", "--once")

        for message in sent:
            self.assert_state(message, State.ACCEPTED)
        self.assert_state(late, State.EXPIRED)

    def test_the_wait_is_measured_on_what_is_due(self):
        self.assertIsNone(outbox.oldest_waiting())
        message = self.queue()
        Message.objects.filter(pk=message.pk).update(due_at=Now() - dt.timedelta(seconds=30))
        later = self.queue("later@example.vn")
        Message.objects.filter(pk=later.pk).update(due_at=Now() + dt.timedelta(seconds=90))

        waited = outbox.oldest_waiting()

        self.assertGreaterEqual(waited, dt.timedelta(seconds=30))
        self.assertLess(waited, dt.timedelta(seconds=40))

    def test_a_sender_counts_as_alive_for_a_while_after_each_sign(self):
        self.assertFalse(outbox.sender_is_alive())

        outbox.tend([])

        self.assertTrue(outbox.sender_is_alive())
        Meter.objects.update(until=Now())
        self.assertFalse(outbox.sender_is_alive())
        outbox.tend([])
        self.assertTrue(outbox.sender_is_alive())

    @override_settings(RETENTION_CODES_DAYS=90)
    def test_prune_deletes_what_is_older_than_it_must_be(self):
        old, kept = self.queue("old@example.vn"), self.queue("kept@example.vn")
        notices = [self.queue_notice(), self.queue_notice()]
        for message, days in ((old, 91), (kept, 89), (notices[0], 91), (notices[1], 89)):
            past = dt.timedelta(days=days)
            Message.objects.filter(pk=message.pk).update(created_at=Now() - past)
            Code.objects.filter(message=message).update(
                issued_at=F("issued_at") - past,
                gap_until=F("gap_until") - past,
                expires_at=F("expires_at") - past,
            )
        Meter.objects.create(key="over", count=1, until=Now() - dt.timedelta(seconds=1))
        meters = Meter.objects.count()

        call_command("prune", stdout=(told := io.StringIO()))

        self.assertCountEqual(Message.objects.all(), [kept, notices[1]])
        self.assertCountEqual(Code.objects.all(), [kept.code])
        self.assertEqual(Meter.objects.count(), meters - 1)
        self.assertEqual(
            told.getvalue(), "messages: 2\ncodes: 1\nmeters: 1\njobs: 0\nproposals: 0\n"
        )

    def test_prune_takes_more_than_one_batch(self):
        for _ in range(5):
            self.queue_notice()
        Message.objects.update(created_at=Now() - dt.timedelta(days=400))

        with mock.patch("accounts.management.commands.prune.BATCH", 2):
            call_command("prune", stdout=io.StringIO())

        self.assertFalse(Message.objects.exists())


class SetUpTests(SimpleTestCase):
    twilio = {
        "SMS_GATEWAY": "twilio",
        "TWILIO_ACCOUNT_SID": "AC0",
        "TWILIO_AUTH_TOKEN": "t",
        "TWILIO_FROM": "+12025550123",
        "TWILIO_MESSAGING_SERVICE_SID": "",
    }

    def faults(self, *, deploy=False, **changes):
        with override_settings(**changes):
            found = run_checks(include_deployment_checks=deploy)
        faults = [fault for fault in found if fault.id.startswith("otp.")]
        for fault in faults:
            self.assertIn("Set ", fault.hint)
        return [(fault.id, fault.msg + fault.hint) for fault in faults]

    def assert_fault(self, fault_id, name, **changes):
        ((found, words),) = self.faults(**changes)
        self.assertEqual(found, fault_id)
        self.assertIn(name, words)

    def test_good_settings_pass(self):
        good = (
            {},
            {"OTP_LIFETIME": 60},
            {"OTP_LIFETIME": 300},
            {"OTP_PEPPERS": ["n" * 32, "o" * 32]},
            {"RETENTION_CODES_DAYS": 2},
            self.twilio | {"deploy": True},
            self.twilio | {"TWILIO_FROM": "", "TWILIO_MESSAGING_SERVICE_SID": "MG0"},
        )
        for changes in good:
            with self.subTest(changes):
                self.assertEqual(self.faults(**changes), [])

    def test_a_code_lives_one_to_five_minutes(self):
        for seconds in (0, 59, 301):
            with self.subTest(seconds):
                self.assert_fault("otp.E001", "OTP_LIFETIME", OTP_LIFETIME=seconds)

    def test_a_short_or_missing_pepper_is_refused(self):
        for peppers in ([], [""], ["n" * 32, "o" * 31]):
            with self.subTest(peppers):
                self.assert_fault("otp.E002", "OTP_PEPPER", OTP_PEPPERS=peppers)

    def test_codes_are_kept_for_as_long_as_they_count(self):
        self.assert_fault("otp.E003", "RETENTION_CODES_DAYS", RETENTION_CODES_DAYS=1)

    def test_a_gateway_must_be_chosen_and_complete(self):
        self.assert_fault("otp.E004", "SMS_GATEWAY", SMS_GATEWAY="")
        self.assert_fault("otp.E004", "SMS_GATEWAY", SMS_GATEWAY="pigeon")
        self.assert_fault("otp.E004", "SMS_GATEWAY", **self.twilio | {"SMS_GATEWAY": "twilio,"})
        self.assert_fault("otp.E005", "SMS_FILE", SMS_GATEWAY="file", SMS_FILE="")
        for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"):
            with self.subTest(name):
                self.assert_fault("otp.E006", name, **self.twilio | {name: ""})

    def test_each_gateway_of_several_must_be_complete(self):
        both = self.twilio | {"SMS_GATEWAY": "twilio,esms", "ESMS_API_KEY": "k"}
        self.assertEqual(self.faults(**both, ESMS_SECRET_KEY="s"), [])
        self.assert_fault("otp.E008", "ESMS_SECRET_KEY", **both, ESMS_SECRET_KEY="")
        self.assert_fault(
            "otp.E006", "TWILIO_AUTH_TOKEN", **both | {"TWILIO_AUTH_TOKEN": ""}, ESMS_SECRET_KEY="s"
        )

    def test_a_deployment_refuses_gateways_that_show_codes(self):
        for name in ("console", "file", "file,console"):
            with self.subTest(name):
                self.assert_fault("otp.E007", "SMS_GATEWAY", SMS_GATEWAY=name, deploy=True)
