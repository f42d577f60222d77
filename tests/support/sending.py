"""What the tests of sending share: two suppliers on this machine, and what waits for them."""

import datetime as dt

from django.db import transaction
from django.db.models.functions import Now
from django.test import TransactionTestCase

from otp import outbox
from otp.models import Message, Meter, Purpose
from otp.suppliers.route import route_from_settings
from tests.support.programs import gateway

PHONE = "+84912466981"
WORDING = "Ma xac thuc: {code}. Hieu luc 5 phut."
State = Message.State


def let_a_sender_live():
    """Enter the sign of life of a sender, as if one ran for as long as the test."""
    let_live("sender")


def let_live(name):
    for_ever = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
    Meter.objects.update_or_create(pk=name, defaults={"count": 1, "until": for_ever})


def let_the_sender_fall_silent():
    """Leave the sign of life of a sender that has died."""
    long_ago = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    Meter.objects.update_or_create(pk="sender", defaults={"count": 1, "until": long_ago})


class SendingTestCase(TransactionTestCase):
    """An office with SMS_GATEWAY=twilio,esms."""

    def setUp(self):
        self.twilio, self.esms = gateway.supply_each(self, gateway.Twilio, gateway.Esms)
        self.route = route_from_settings()

    def queue(self, address="an@example.vn", *, to=PHONE):
        with transaction.atomic():
            issued = outbox.send_code(address, Purpose.RECOVERY, to=to, text=WORDING, nonce="n")
        return Message.objects.get(code_id=issued.id)

    def queue_many(self, count):
        return [self.queue(f"a{n}@example.vn", to=f"+8491{n:07}") for n in range(count)]

    def deliver(self, route=None):
        return outbox.deliver_one(route or self.route)

    def make_due(self):
        Message.objects.update(due_at=Now())

    def given(self):
        """Count what each supplier was given."""
        return len(self.twilio.texts), len(self.esms.texts)

    def assert_state(self, message, state, reason=None, *, by=None):
        message.refresh_from_db()
        self.assertEqual(message.state, state)
        if reason is not None:
            self.assertEqual(message.reason, reason)
        if by is not None:
            self.assertEqual(message.gateway, by)
        if state not in (State.QUEUED, State.SENDING):
            self.assertEqual((message.to, message.text), ("", ""))
