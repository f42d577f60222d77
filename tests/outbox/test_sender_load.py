"""A thousand messages, two senders, two suppliers with faults: none goes twice, none is lost."""

import random
import threading
from collections import defaultdict

from otp.models import Brakes, GatewayState, Message
from tests.outbox.test_sender_process import SenderTests
from tests.support.programs import gateway
from tests.support.waiting import PATIENCE, wait_for

COUNT = 1_000
SEED = 20
State = Message.State


def take_and_drop(handler):
    """Send the message, and break off before saying so."""
    handler.supplier.knows(handler.fields["RequestId"])
    gateway.drop(handler)


# What an answer says of the message it answers, and how often in a hundred it is given. Five
# failures in a row would pause a supplier, so they are rare enough for that to be rare.
FAULTS = {
    "twilio": [
        (74, "accepted", gateway.accept),
        (10, "not sent", gateway.too_many("0")),
        (4, "not sent", gateway.refuse(20003, 401)),
        (4, "refused", gateway.refuse(21614)),
        (3, "doubt", gateway.fail(500)),
        (3, "doubt", gateway.drop),
        (2, "doubt", gateway.say(201, "<html>proxy</html>")),
    ],
    "esms": [
        (73, "accepted", gateway.accept),
        (10, "not sent", gateway.too_many("0")),
        (2, "not sent", gateway.refuse(103)),
        (5, "refused", gateway.refuse(99)),
        (4, "doubt", gateway.fail(503)),
        (3, "doubt", gateway.drop),
        (3, "doubt", take_and_drop),
    ],
}


def settled(said):
    """Give the state in which a message must end, of which this was said, in this order."""
    doubt = False
    for n, (supplier, what) in enumerate(said):
        if what == "doubt" and supplier == "esms":
            doubt = True
        elif what != "not sent":
            ends = {"accepted": State.ACCEPTED, "doubt": State.UNKNOWN}
            state = ends.get(what, State.UNKNOWN if doubt else State.REJECTED)
            # Nobody is asked any more after this.
            return state if n == len(said) - 1 else "asked again"
    return "lost"


class Pair:
    """Twilio before eSMS, as one supplier to the senders."""

    def __init__(self, *suppliers):
        self.suppliers = suppliers
        self.released = threading.Event()

    def environment(self, address=""):
        names = ",".join(supplier.name for supplier in self.suppliers)
        whole = {}
        for supplier in self.suppliers:
            whole |= supplier.environment()
        return whole | {"SMS_GATEWAY": names}


class LoadTests(SenderTests):
    def setUp(self):
        self.twilio, self.esms = gateway.supply_each(self, gateway.Twilio, gateway.Esms)
        self.supplier = Pair(self.twilio, self.esms)
        self.said = defaultdict(list)  # of each number, by whom and what
        dice = random.Random(SEED)
        for supplier in (self.twilio, self.esms):
            faults = FAULTS[supplier.name]
            chosen = dice.choices(faults, [often for often, _, _ in faults], k=4 * COUNT)
            supplier.plan = [self.noting(supplier.name, *each[1:]) for each in chosen]
        Brakes.objects.update(codes_an_hour=2 * COUNT, codes_a_day=2 * COUNT)

    def noting(self, name, what, answer):
        def note(handler):
            number = handler.fields.get("To") or "+84" + handler.fields["Phone"][1:]
            self.said[number].append((name, what))
            answer(handler)

        return note

    def test_a_thousand_messages_through_two_senders_with_faults(self):
        self.start_and_wait(2)
        numbers = {}
        for n in range(COUNT):
            number = f"+8491{n:07}"
            numbers[self.queue(f"a{n}@example.vn", number).pk] = number

        wait_for(self.is_over, "the end of all messages", patience=3 * PATIENCE, log=self.states)

        messages = Message.objects.in_bulk(list(numbers))
        for pk, number in numbers.items():
            said = self.said[number]
            self.assertEqual(messages[pk].state, settled(said), said)
            if said[-1][1] == "accepted":
                self.assertEqual(messages[pk].gateway, said[-1][0])
            # What may have gone out by Twilio has been with nobody else, and there once.
            may_have_gone = {name for name, what in said if what in ("accepted", "doubt")}
            self.assertLessEqual(len(may_have_gone), 1, said)
        for supplier in (self.twilio, self.esms):
            self.assertTrue(supplier.texts)
        self.assertEqual(self.states().keys(), {State.ACCEPTED, State.REJECTED, State.UNKNOWN})
        self.assertEqual(GatewayState.objects.count(), 2)
