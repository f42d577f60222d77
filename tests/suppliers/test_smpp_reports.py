"""Reports that come in on an SMPP line, and answers that come too late."""

from dataclasses import replace
from unittest import mock

from django.conf import settings
from django.db import OperationalError, transaction
from django.test import SimpleTestCase, TransactionTestCase, override_settings
from hypothesis import given
from hypothesis import strategies as st

from otp import outbox
from otp.models import DeadNumberDay, Message, Purpose
from otp.suppliers import http, receipts
from otp.suppliers.route import route_from_settings
from otp.suppliers.smpp import pdus, reports
from tests.support.programs import gateway, smsc
from tests.support.sending import PHONE, WORDING, State
from tests.support.waiting import wait_for

OK, NOT_NOW, NEVER = 0, 0x64, 0x65


class ReportTestCase(TransactionTestCase):
    changes = {}

    def setUp(self):
        self.log = gateway.EveryLogLine(self)
        self.centre = smsc.Centre()
        self.addCleanup(self.centre.close)
        self.enterContext(override_settings(**self.centre.environment(**self.changes)))
        self.route = self.open_route()

    def open_route(self):
        route = route_from_settings()
        self.addCleanup(route.end)
        return route

    def queue(self, address="an@example.vn"):
        with transaction.atomic():
            # A number of its own: one has so many codes a day.
            issued = outbox.send_code(
                address,
                Purpose.RECOVERY,
                to=f"{PHONE[:-2]}{Message.objects.count():02}",
                text=WORDING,
                nonce="n",
            )
        return Message.objects.get(code_id=issued.id)

    def sent(self, address="an@example.vn"):
        message = self.queue(address)
        outbox.deliver_one(self.route)
        self.assert_state(message, State.ACCEPTED)
        return message

    def assert_state(self, message, state, reason=""):
        message.refresh_from_db()
        self.assertEqual((message.state, message.reason), (state, reason))

    def as_if_of_an_earlier_sender(self):
        """End the sender, so that only the database knows its messages, and begin another."""
        self.route.end()
        self.route = self.open_route()
        self.route.begin()


class FormTests(ReportTestCase):
    def test_a_report_tells_what_became_of_a_message(self):
        cases = {
            "fields": (lambda id_: {"more": smsc.in_fields(id_)}, State.DELIVERED, ""),
            "failed in fields": (lambda id_: {"more": smsc.in_fields(id_, 5)}, State.FAILED, ""),
            "expired": (lambda id_: {"more": smsc.in_fields(id_, 3)}, State.FAILED, ""),
            "words": (lambda id_: {"text": smsc.in_words(id_)}, State.DELIVERED, ""),
            "failed in words": (
                lambda id_: {"text": smsc.in_words(id_, "UNDELIV", "027")},
                *(State.FAILED, "27"),
            ),
            "both": (
                lambda id_: {
                    "text": smsc.in_words("other", "REJECTD", "11"),
                    "more": smsc.tlv(smsc.RECEIPTED_ID, f"{id_}\0".encode()),
                },
                *(State.FAILED, "11"),
            ),
            "words in the payload": (
                lambda id_: {"more": smsc.tlv(smsc.PAYLOAD, smsc.in_words(id_))},
                *(State.DELIVERED, ""),
            ),
            "data_sm": (
                lambda id_: {"more": smsc.in_fields(id_), "command": smsc.DATA},
                *(State.DELIVERED, ""),
            ),
            "words before a broken field": (
                lambda id_: {"text": smsc.in_words(id_), "more": b"\x04\x27\0"},
                *(State.DELIVERED, ""),
            ),
        }
        for n, (name, (report, state, reason)) in enumerate(cases.items()):
            with self.subTest(name):
                message = self.sent(f"a{n}@example.vn")

                options = report(message.gateway_id)
                status = self.centre.report(options.pop("text", b""), **options)

                self.assertEqual(status, OK)
                self.assert_state(message, state, reason)

    def test_the_same_from_the_database_alone(self):
        for n, report in enumerate(
            (
                lambda id_: {"more": smsc.in_fields(id_)},
                lambda id_: {"text": smsc.in_words(id_)},
            )
        ):
            message = self.sent(f"a{n}@example.vn")
            self.as_if_of_an_earlier_sender()

            options = report(message.gateway_id)
            self.centre.report(options.pop("text", b""), **options)

            self.assert_state(message, State.DELIVERED)

    def test_what_tells_of_no_end_changes_nothing(self):
        message = self.sent()
        id_ = message.gateway_id
        cases = (
            {"text": smsc.in_words(id_, "ENROUTE")},
            {"text": smsc.in_words(id_, "ACCEPTD")},
            {"more": smsc.in_fields(id_, 6)},
            {"text": b"stat:DELIVRD"},
            {"text": b"\xff\x00"},
            {"text": smsc.in_words(id_), "esm_class": 0x20},
        )
        for options in cases:
            with self.subTest(options):
                options = dict(options)

                status = self.centre.report(options.pop("text", b""), **options)

                self.assertEqual(status, OK)
                self.assert_state(message, State.ACCEPTED)

    def test_a_text_that_somebody_sends_to_the_office_is_no_report(self):
        message = self.sent()

        status = self.centre.report(smsc.in_words(message.gateway_id, "UNDELIV"), esm_class=0)

        self.assertEqual(status, OK)
        self.assert_state(message, State.ACCEPTED)

    def test_a_report_takes_nothing_back(self):
        message = self.sent()

        self.centre.report(smsc.in_words(message.gateway_id))
        self.centre.report(smsc.in_words(message.gateway_id, "UNDELIV"))

        self.assert_state(message, State.DELIVERED)

    def test_no_report_shows_anything_in_the_log(self):
        message = self.sent()

        self.centre.report(smsc.in_words(message.gateway_id))
        self.centre.report(f"{PHONE} 123456".encode(), esm_class=0)

        self.assertIn(f"message {message.pk}: smpp says delivered", self.log.lines)
        for secret in (PHONE[3:-2], "123456", "Ma xac thuc: "):
            self.assertNotIn(secret, self.log.text)
            self.assertNotIn(secret.encode().hex(), self.log.text)


class HostileTests(SimpleTestCase):
    @given(st.binary(max_size=400), st.booleans(), st.booleans())
    def test_no_body_breaks_the_line(self, body, head, data):
        command = smsc.DATA if data else smsc.DELIVER
        if head:
            body = smsc.deliver(command=command) + body
        buffer = pdus.Buffer()

        buffer.add(smsc.unit(command, 1, body))

        (unit,) = buffer.units()
        reports.read(unit, decimal=head)

    @given(st.lists(st.binary(max_size=40), max_size=20))
    def test_units_are_told_apart_however_they_come_in(self, bodies):
        raw = b"".join(smsc.unit(smsc.DELIVER, n, body) for n, body in enumerate(bodies))
        buffer, found = pdus.Buffer(), []

        for octet in raw:
            buffer.add(bytes([octet]))
            found += buffer.units()

        self.assertEqual([each.raw[16:] for each in found], bodies)
        self.assertEqual([each.sequence for each in found], list(range(len(bodies))))


class DecimalTests(ReportTestCase):
    changes = {"receipt_ids": "decimal"}

    def test_an_id_may_be_hexadecimal_in_the_answer_and_decimal_in_the_report(self):
        for written in ("1a2b", "1A2C", "00001A2D"):
            with self.subTest(written):
                body = f"{written}\0".encode()
                self.centre.plan = [
                    smsc.say(lambda number, body=body: smsc.unit(0x80000004, number, body))
                ]
                message = self.sent(f"{written}@example.vn".lower())

                self.centre.report(smsc.in_words(str(int(written, 16))))

                self.assert_state(message, State.DELIVERED)
                self.assertEqual(message.gateway_id, written)


class TimeTests(ReportTestCase):
    def setUp(self):
        super().setUp()
        self.enterContext(mock.patch.object(reports, "LOOK_AGAIN", 0.05))

    def test_a_report_may_be_here_before_the_answer_is_written_down(self):
        def accept_and_report(connection, message):
            smsc.accept(connection, message)
            connection.report(smsc.deliver(smsc.in_words(message["id"])))

        self.enterContext(mock.patch.object(reports, "LOOKS", 0))
        self.centre.plan = [accept_and_report] * 8
        messages = [self.queue(f"a{n}@example.vn") for n in range(8)]
        for _ in messages:
            outbox.deliver_one(self.route)
        wait_for(lambda: len(self.centre.answers) == 8, "the answers to all reports")

        for message in messages:
            self.assert_state(message, State.DELIVERED)

    def test_a_report_on_what_another_sender_has_not_written_down_yet_is_looked_at_again(self):
        message = self.sent()
        self.as_if_of_an_earlier_sender()
        id_ = message.gateway_id
        Message.objects.update(gateway_id="")
        looked = mock.Mock(side_effect=lambda *_: (looked.call_count > 2 and message.pk) or 0)

        with mock.patch.object(receipts, "message_of", looked):
            status = self.centre.report(smsc.in_words(id_))

        self.assertEqual(status, OK)
        self.assert_state(message, State.DELIVERED)

    def test_a_report_on_what_nobody_knows_is_let_go(self):
        self.sent()

        self.assertEqual(self.centre.report(smsc.in_words("nobodys")), OK)

    def test_while_the_database_is_away_the_report_has_to_come_again(self):
        message = self.sent()
        words = smsc.in_words(message.gateway_id)

        with mock.patch.object(receipts, "report", side_effect=OperationalError):
            self.assertEqual(self.centre.report(words), NOT_NOW)
        self.assertEqual(self.centre.report(words), OK)

        self.assert_state(message, State.DELIVERED)

    def test_a_report_over_which_the_portal_fails_takes_none_behind_it_along(self):
        message = self.sent()
        words = smsc.in_words(message.gateway_id)

        with mock.patch.object(receipts, "report", side_effect=RuntimeError(PHONE)):
            self.assertEqual(self.centre.report(words), NEVER)
        self.assertEqual(self.centre.report(words), OK)

        self.assert_state(message, State.DELIVERED)
        self.assertIn("smpp: a report failed with RuntimeError", self.log.lines)
        self.assertNotIn(PHONE[3:], self.log.text)

    def test_an_answer_that_comes_too_late_is_entered_and_sends_nothing_again(self):
        self.sent("first@example.vn")
        self.centre.plan = [smsc.hold]
        message = self.queue()
        with mock.patch.object(http, "TIMEOUTS", (0.3, 0.3)):
            outbox.deliver_one(self.route)
        self.assert_state(message, State.UNKNOWN, "no-answer")

        self.centre.released.set()
        wait_for(
            lambda: Message.objects.filter(pk=message.pk, state=State.ACCEPTED).exists(),
            "the late answer to be entered",
        )

        message.refresh_from_db()
        self.assertEqual(message.gateway_id, self.centre.texts[-1]["id"])
        self.assertFalse(outbox.deliver_one(self.route))

    def test_the_late_answer_to_one_part_says_nothing_of_the_whole(self):
        self.centre.plan = [smsc.accept, smsc.hold]
        self.sent("first@example.vn")
        message = self.queue()
        Message.objects.filter(pk=message.pk).update(text="x" * 200)
        with mock.patch.object(http, "TIMEOUTS", (0.3, 0.3)):
            outbox.deliver_one(self.route)
        self.centre.released.set()

        behind = self.sent("next@example.vn")
        self.centre.report(smsc.in_words(behind.gateway_id))

        self.assert_state(message, State.UNKNOWN, "no-answer")

    def test_a_report_on_what_may_have_gone_settles_it(self):
        self.centre.plan = [smsc.cut_after]
        message = self.queue()
        outbox.deliver_one(self.route)
        Message.objects.update(state=State.UNKNOWN)

        self.route.begin()
        self.centre.report(smsc.in_words(message_id_of(self.centre)))

        self.assert_state(message, State.DELIVERED)


def message_id_of(centre):
    return centre.texts[-1]["id"]


class DeadNumberTests(ReportTestCase):
    def test_the_office_says_which_reasons_call_a_number_dead(self):
        line = replace(settings.SMPP, dead=frozenset({"1", "11"}))
        for n, (err, days) in enumerate((("005", 0), ("001", 1))):
            message = self.sent(f"a{n}@example.vn")

            with override_settings(SMPP=line):
                self.centre.report(smsc.in_words(message.gateway_id, "UNDELIV", err))

            self.assertEqual(DeadNumberDay.objects.count(), days)
