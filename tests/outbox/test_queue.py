"""What waits to leave: each message once, no digits in it, and so many codes for a number."""

import contextlib

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from otp import codes, outbox
from otp.codes.rule import streak_keys
from otp.counting.keyed_names import names_of
from otp.models import CODES_A_DAY, Message, Meter, Purpose
from tests.outbox.test_delivery import PHONE, WORDING, OutboxTests, State
from tests.support.crowd import at_once
from tests.support.waiting import PATIENCE


def close(address):
    """Close an address, as so many wrong guesses in a row do."""
    for key in streak_keys(Purpose.RECOVERY, names_of("address", address)):
        Meter.objects.create(key=key, count=codes.STREAK, until=timezone.now() + codes.CLOSED_FOR)


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
        close("an@example.vn")
        message = self.queue()

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
            address = f"{name}@example.vn"
            if closed:
                close(address)
            meters = Meter.objects.count()
            with self.subTest(name), self.assertNumQueries(1):
                outbox.send_code(address, Purpose.RECOVERY, to=to, text=WORDING, nonce="n")
            self.assertEqual(Meter.objects.count(), meters + 1, name)

    def test_a_decoy_wakes_the_sender_as_a_code_does(self):
        with connection.cursor() as cursor:
            cursor.execute("LISTEN otp_message")
        for name, to in (("code", PHONE), ("decoy", "")):
            with self.subTest(name):
                self.queue(f"{name}@example.vn", to=to)

                woken = list(connection.connection.notifies(timeout=PATIENCE, stop_after=1))

                self.assertEqual(
                    [(call.channel, call.payload) for call in woken], [("otp_message", "")]
                )
        connection.close()

    def test_a_number_gets_so_many_codes_a_day_over_all_addresses_and_purposes(self):
        asked = [self.queue(f"a{n}@example.vn", purpose=list(Purpose)[n % 2]) for n in range(8)]

        states = [(message.state, message.reason) for message in asked]
        granted = [(State.QUEUED, "")] * codes.NUMBER_CAP.count
        self.assertEqual(states, granted + [(State.SKIPPED, "number-cap")] * 2)
        self.assertEqual(asked[-1].to, "")
        self.assertEqual(self.queue("b@example.vn", to="+84987466981").state, State.QUEUED)

    def test_changes_of_phone_leave_a_number_the_codes_of_a_recovery(self):
        count = codes.NUMBER_CAP.count

        changes = [self.queue(f"a{n}@example.vn", purpose=Purpose.PHONE) for n in range(count)]
        recoveries = [self.queue(f"b{n}@example.vn") for n in range(3)]

        states = [message.state for message in (*changes, *recoveries)]
        sent = [State.QUEUED] * codes.PHONE_CAP.count
        refused = [State.SKIPPED] * CODES_A_DAY
        self.assertEqual(states, [*sent, *refused, State.QUEUED, State.QUEUED, State.SKIPPED])

    def test_decoys_and_closed_addresses_cost_a_number_nothing(self):
        for n in range(codes.NUMBER_CAP.count):
            close(f"closed{n}@example.vn")
            self.queue(f"closed{n}@example.vn")
            self.queue(f"decoy{n}@example.vn", to="")

        self.assertEqual(self.queue().state, State.QUEUED)

    def test_a_day_later_a_number_gets_as_many_codes_again(self):
        for n in range(codes.NUMBER_CAP.count):
            self.queue(f"a{n}@example.vn")
        Meter.objects.update(until=Now())

        again = [self.queue(f"b{n}@example.vn").state for n in range(codes.NUMBER_CAP.count + 1)]

        self.assertEqual(again, [State.QUEUED] * codes.NUMBER_CAP.count + [State.SKIPPED])

    def test_a_number_over_its_cap_still_gets_notices(self):
        for n in range(codes.NUMBER_CAP.count + 1):
            self.queue(f"a{n}@example.vn")

        self.assertEqual(self.queue_notice().state, State.QUEUED)

    def test_requests_at_once_share_the_numbers_cap(self):
        # The first charge is there already: from an empty table the race would not be seen.
        self.queue("first@example.vn")

        at_once(lambda n: self.queue(f"a{n}@example.vn"), 12)

        queued = Message.objects.filter(state=State.QUEUED).count()
        self.assertEqual(queued, codes.NUMBER_CAP.count)
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
