"""What the gateway by SMPP makes of each answer of an operator's centre, and of its silence."""

import datetime as dt
import threading
import traceback
from unittest import mock

from django.conf import settings
from django.test import SimpleTestCase, override_settings

from otp.suppliers import http
from otp.suppliers.gateway import GatewayRefused, NotSent, Sms, SmsError, Unknown, from_settings
from otp.suppliers.smpp import line as lines
from tests.support.programs import gateway, smsc
from tests.support.programs.ports import free_port
from tests.support.waiting import wait_for

PHONE = "+84912466981"
TEXT = "Ma xac thuc: 123456. KHONG cung cap ma cho bat ky ai."
MESSAGE = 4711


class _OfOneThread(tuple):
    """What http.TIMEOUTS are for the thread that makes this; all others have the usual ones."""

    def __init__(self, _own):
        self._owner, self._usual = threading.get_ident(), http.TIMEOUTS

    def __iter__(self):
        return super().__iter__() if threading.get_ident() == self._owner else iter(self._usual)

    def __getitem__(self, at):
        return [*self][at]


class SmppTestCase(SimpleTestCase):
    def setUp(self):
        self.log = gateway.EveryLogLine(self)
        self.centre = smsc.Centre()
        self.addCleanup(self.centre.close)
        self.carrier = self.carry()

    def carry(self, **changes):
        with override_settings(**self.centre.environment(**changes)):
            (carrier,) = from_settings()
        self.addCleanup(carrier.end)
        return carrier

    def send(self, text=TEXT, *, message_id=MESSAGE, carrier=None, left=300):
        left = dt.timedelta(seconds=left)
        return (carrier or self.carrier).send(
            Sms(PHONE, text, good_for=left, message_id=message_id)
        )

    def failure(self, kind, **options):
        with self.assertRaises(kind) as caught:
            self.send(**options)
        return caught.exception

    def in_a_hurry(self, seconds=0.3):
        return mock.patch.object(http, "TIMEOUTS", (seconds, seconds))

    def start(self, count, **options):
        """Send so many at once, each in a thread; gives them with what came of each."""
        outcomes = []

        def send(number):
            try:
                outcomes.append(self.send(message_id=MESSAGE + number, **options))
            except SmsError as error:
                outcomes.append(error)

        threads = [threading.Thread(target=send, args=[number]) for number in range(count)]
        for thread in threads:
            thread.start()
            self.addCleanup(thread.join)
        return threads, outcomes


class RequestTests(SmppTestCase):
    def test_an_accepted_message_gives_the_centres_id(self):
        gateway_id = self.send()

        (given,) = self.centre.texts
        self.assertEqual(gateway_id, given["id"])
        self.assertEqual((given["to"], given["ton"], given["npi"]), ("84912466981", 1, 1))
        self.assertEqual((given["coding"], given["octets"]), (0, TEXT.encode()))
        self.assertEqual((given["esm_class"], given["asks_report"]), (0, 1))

    def test_it_binds_once_with_the_offices_name_and_password(self):
        self.carrier = self.carry(system_type="VMA")
        self.send()
        self.send()

        self.assertEqual(self.centre.binds, [(smsc.SYSTEM_ID, smsc.PASSWORD, "VMA")])

    def test_the_sender_is_a_brand_name_a_short_code_or_a_number(self):
        cases = {
            "": (5, 0, settings.PROFILE.sms.brand),
            "UBND-Tinh": (5, 0, "UBND-Tinh"),
            "9029": (3, 0, "9029"),
            "+84912000001": (1, 1, "84912000001"),
        }
        for source, expected in cases.items():
            with self.subTest(source):
                self.send(carrier=self.carry(source=source))

                given = self.centre.texts[-1]
                self.assertEqual(
                    (given["source_ton"], given["source_npi"], given["source"]), expected
                )

    def test_it_says_how_long_the_message_is_worth_sending(self):
        self.send(left=300)
        self.send(left=3600 * 48)

        seen = [each["validity"] for each in self.centre.texts]
        self.assertRegex(seen[0], r"^00000000(0500|04[3-5]\d)000R$")
        self.assertEqual(seen[1], "000000230000000R")

    def test_a_centre_that_takes_no_validity_is_given_none(self):
        self.centre.plan = [smsc.refuse(0x62)]

        self.send()
        self.send()

        self.assertEqual(
            [bool(each["validity"]) for each in self.centre.texts], [True, False, False]
        )


class TextTests(SmppTestCase):
    def test_signs_of_the_alphabet_are_one_or_two_octets(self):
        self.send("a@b_€[1]`"[:-1])

        given = self.centre.texts[0]
        self.assertEqual((given["coding"], given["octets"]), (0, b"a\0b\x11\x1be\x1b<1\x1b>"))

    def test_other_signs_make_it_ucs_2(self):
        for text in ("Mã xác thực: 123456", "`", "😀"):
            with self.subTest(text):
                self.send(text)

                given = self.centre.texts[-1]
                self.assertEqual((given["coding"], given["octets"].decode("utf-16-be")), (8, text))

    def test_one_sms_holds_160_signs_or_70(self):
        for text in ("a" * 160, "ă" * 70):
            self.send(text)

        self.assertEqual(len(self.centre.texts), 2)

    def joined(self, coding):
        """Give the parts after their headers, which must number them."""
        heads = [each["octets"][:6] for each in self.centre.texts]
        count = len(heads)
        reference = MESSAGE % 256
        self.assertEqual(
            heads, [bytes((5, 0, 3, reference, count, n)) for n in range(1, count + 1)]
        )
        self.assertEqual({each["esm_class"] for each in self.centre.texts}, {0x40})
        self.assertEqual({each["coding"] for each in self.centre.texts}, {coding})
        return [each["octets"][6:] for each in self.centre.texts]

    def test_a_long_text_goes_in_parts_that_cut_no_sign(self):
        gateway_id = self.send("a" * 152 + "€" + "b" * 20)

        self.assertEqual(self.joined(0), [b"a" * 152, b"\x1be" + b"b" * 20])
        self.assertEqual([each["asks_report"] for each in self.centre.texts], [0, 1])
        self.assertEqual(gateway_id, self.centre.texts[-1]["id"])

    def test_a_long_text_in_ucs_2_cuts_no_sign(self):
        text = "ă" * 66 + "😀" + "b" * 20

        self.send(text)

        parts = [each.decode("utf-16-be") for each in self.joined(8)]
        self.assertEqual(parts, ["ă" * 66, "😀" + "b" * 20])

    def test_a_supplier_may_take_a_long_text_whole(self):
        self.send("a" * 200, carrier=self.carry(long_texts="payload"))

        (given,) = self.centre.texts
        self.assertEqual((given["octets"], given[smsc.PAYLOAD]), (b"", b"a" * 200))

    def test_once_a_part_has_gone_the_rest_may_not_be_sent_another_way(self):
        for answer in (smsc.refuse(smsc.THROTTLED), smsc.refuse(smsc.REFUSED)):
            self.centre.plan = [smsc.accept, answer]

            self.failure(Unknown, text="a" * 200)


class AnswerTests(SmppTestCase):
    def test_a_refused_number_is_refused_for_good(self):
        for status in (smsc.REFUSED, 0x33, 0x400, 0x4FF):
            with self.subTest(status):
                self.centre.plan = [smsc.refuse(status)]

                self.assertEqual(self.failure(GatewayRefused).reason, str(status))

    def test_a_centre_without_room_is_asked_again_later(self):
        for status in (smsc.THROTTLED, smsc.FULL):
            with self.subTest(status):
                self.centre.plan = [smsc.refuse(status)]

                error = self.failure(NotSent)

                self.assertEqual(error.reason, str(status))
                self.assertEqual(error.retry_after, dt.timedelta(seconds=2))

    def test_trouble_with_the_account_leaves_the_number_to_others(self):
        for status in (0x03, 0x04, 0x0A, 0x45, 0x48, 0x53, 0x64, 0xC2):
            with self.subTest(status):
                self.centre.plan = [smsc.refuse(status)]

                error = self.failure(NotSent)

                self.assertEqual((error.reason, error.retry_after), (str(status), None))

    def test_a_centre_that_does_not_know_itself_may_have_sent_it(self):
        self.centre.plan = [smsc.refuse(0x08)]

        self.assertEqual(self.failure(Unknown).reason, "8")

    def test_a_unit_that_the_centre_does_not_know_was_not_taken(self):
        self.centre.plan = [smsc.say(lambda number: smsc.unit(0x80000000, number, status=0x03))]

        self.assertEqual(self.failure(NotSent).reason, "3")

    def test_an_accepted_message_may_have_no_id(self):
        for body in (b"", b"\0"):
            answer = smsc.say(lambda number, body=body: smsc.unit(0x80000004, number, body))
            self.centre.plan = [answer]

            self.assertEqual(self.send(), "")

    def test_answers_that_come_out_of_order_or_in_pieces_find_their_messages(self):
        self.centre.plan = [smsc.hold]
        _, slow = self.start(1)
        wait_for(lambda: self.centre.texts, "the first message")

        quick = self.send(message_id=MESSAGE + 1)
        self.assertEqual(slow, [])
        self.centre.released.set()
        wait_for(lambda: slow, "the first answer")

        self.assertEqual([slow[0], quick], [each["id"] for each in self.centre.texts])


class LineTests(SmppTestCase):
    def test_a_closed_port_means_that_nothing_left(self):
        carrier = self.carry(url=f"smpp://127.0.0.1:{free_port()}")

        error = self.failure(NotSent, carrier=carrier)

        self.assertEqual((error.reason, error.retry_after), ("connect", None))

    def test_a_wrong_password_means_that_nothing_left(self):
        carrier = self.carry(password="falsch")

        self.assertEqual(self.failure(NotSent, carrier=carrier).reason, "bind-14")

        self.assertEqual(self.centre.texts, [])

    def test_a_centre_that_never_answers_a_bind_means_that_nothing_left(self):
        ears = gateway.DeafEars()
        self.addCleanup(ears.close)
        carrier = self.carry(url=ears.address.replace("http", "smpp"))

        with self.in_a_hurry():
            self.assertEqual(self.failure(NotSent, carrier=carrier).reason, "no-answer")

    def test_silence_after_a_message_may_mean_that_it_went(self):
        self.send()
        self.centre.plan = [smsc.silent]

        with self.in_a_hurry():
            self.assertEqual(self.failure(Unknown).reason, "no-answer")

        self.assertNotEqual(self.send(), "")
        self.assertEqual(len(self.centre.binds), 1)

    def test_a_line_cut_before_the_answer_may_mean_that_it_went(self):
        self.centre.plan = [smsc.cut_before]

        self.assertEqual(self.failure(Unknown).reason, "no-answer")

        self.assertEqual(len(self.centre.texts), 1)

    def test_a_line_cut_after_the_answer_loses_nothing_and_is_bound_again(self):
        self.centre.plan = [smsc.cut_after]

        self.assertEqual(self.send(), self.centre.texts[0]["id"])
        wait_for(lambda: "smpp: the line is over" in self.log.lines, "the end of the first line")
        self.assertEqual(self.send(), self.centre.texts[1]["id"])

        self.assertEqual(len(self.centre.binds), 2)

    def test_what_is_no_smpp_ends_the_line(self):
        for raw in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x0f" + b"\0" * 12):
            with self.subTest(raw):
                self.centre.plan = [smsc.say(lambda number, raw=raw: raw)]

                self.failure(Unknown)

                self.assertNotEqual(self.send(), "")

    def test_no_more_wait_for_answers_than_the_window_allows(self):
        carrier = self.carry(window=3)
        self.send(carrier=carrier)
        self.centre.plan = [smsc.hold] * 3
        threads, outcomes = self.start(6, carrier=carrier)
        wait_for(lambda: len(self.centre.texts) == 4, "a full window")

        with mock.patch.object(http, "TIMEOUTS", _OfOneThread((0.3, 0.3))):
            error = self.failure(NotSent, carrier=carrier)

        self.assertEqual((error.reason, error.retry_after), ("window", dt.timedelta(seconds=1)))
        self.assertEqual(len(self.centre.texts), 4)
        self.centre.released.set()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(outcomes)), 6)
        self.assertEqual(len(self.centre.texts), 7)

    def test_many_threads_share_one_line(self):
        threads, ids = self.start(24)
        for thread in threads:
            thread.join()

        self.assertEqual(sorted(ids), sorted(each["id"] for each in self.centre.texts))
        self.assertEqual(len(set(ids)), 24)
        self.assertEqual(len(self.centre.binds), 1)
        self.assertEqual(len({each["connection"] for each in self.centre.texts}), 1)

    def test_who_is_lost_is_found_again_without_a_message(self):
        self.carrier.begin()
        first = self.centre.connection

        self.centre.cut()

        wait_for(lambda: len(self.centre.binds) == 2, "the second bind")
        self.assertIsNot(self.centre.connection, first)

    def test_a_line_that_is_refused_is_tried_at_growing_distances(self):
        self.centre.bind_status = 0x0D
        pauses = []
        self.enterContext(
            mock.patch.object(lines.Line, "_rest", lambda line, pause: pauses.append(pause))
        )

        self.carrier.begin()
        wait_for(lambda: len(pauses) > 8, "several tries")

        self.assertEqual(pauses[:8], [1, 2, 4, 8, 16, 32, 60, 60])


class QuietTests(SmppTestCase):
    def test_a_quiet_line_is_asked_whether_it_is_there(self):
        self.enterContext(mock.patch.object(lines, "QUIET", 0.1))
        self.send()

        wait_for(lambda: self.centre.units.count((smsc.ENQUIRE, 0)) > 2, "enquiries")

        self.assertEqual(len(self.centre.binds), 1)

    def test_a_line_that_gives_no_answer_is_made_anew(self):
        self.centre.answers_enquiries = False
        self.enterContext(mock.patch.object(lines, "QUIET", 0.1))
        self.send()
        self.enterContext(self.in_a_hurry())

        wait_for(lambda: len(self.centre.binds) > 1, "the second bind")

    def test_the_centres_own_question_is_answered(self):
        self.send()

        self.centre.connection.say(smsc.unit(smsc.ENQUIRE, 77))
        self.centre.connection.say(smsc.unit(0x00000021, 78))

        wait_for(lambda: len(self.centre.units) > 1, "both answers")
        self.assertEqual(self.centre.units, [(smsc.ENQUIRE | smsc.ANSWER, 0), (0x80000000, 0x03)])

    def test_a_centre_that_unbinds_is_let_go_and_bound_again(self):
        self.send()

        self.centre.connection.say(smsc.unit(smsc.UNBIND, 77))

        wait_for(lambda: (smsc.UNBIND | smsc.ANSWER, 0) in self.centre.units, "the answer")
        wait_for(lambda: len(self.centre.binds) == 2, "the second bind")

    def test_it_unbinds_at_the_end(self):
        self.send()

        self.carrier.end()

        wait_for(lambda: self.centre.connections[0].ended_well, "the unbind")
        self.assertEqual([each.name for each in threading.enumerate() if "smpp" in each.name], [])


class SecrecyTests(SmppTestCase):
    secrets = (PHONE[1:], PHONE[4:], "123456", smsc.PASSWORD)

    def test_no_failure_shows_the_number_the_text_or_the_password(self):
        cases = {
            GatewayRefused: smsc.refuse(smsc.REFUSED),
            NotSent: smsc.refuse(0x45),
            Unknown: smsc.cut_before,
        }
        for kind, answer in cases.items():
            with self.subTest(kind.__name__):
                self.centre.plan = [answer]
                error = self.failure(kind)

                self.assertIsNone(error.__context__)
                self.assert_silent("".join(traceback.format_exception(error)) + repr(error))

    def test_the_log_at_debug_shows_nothing(self):
        self.send()
        self.centre.connection.say(smsc.unit(0x00000021, 78, PHONE.encode()))
        wait_for(lambda: self.centre.units, "the answer")
        self.carrier.end()

        self.assertIn("smpp: bound", self.log.lines)
        self.assert_silent(repr(self.centre.set_up()))

    def assert_silent(self, shown):
        for secret in self.secrets:
            self.assertNotIn(secret, shown + self.log.text)
            self.assertNotIn(secret.encode().hex(), shown + self.log.text)
