"""Shows what guessers and floods reach in a day, and what everybody else feels. Run it by hand:

    python -m tests.benchmarks.guessing

It uses a test database of its own, the rules' own doors, and a clock that it moves: a day takes a
few minutes. An attacker knows the names of all accounts, does every work that is asked for, and
has each address in a network of its own. The figures stand in docs/limits.md.
"""

import sys
from collections import Counter
from itertools import count
from unittest import TestCase

from tests.support.environment import own_database

ACCOUNTS = 20_000
ADDRESSES = (1, 100, 10_000)
TICK = 10  # minutes
PEOPLE = 2  # in a tick: a stranger at a clean address, and somebody at a known browser
MISTYPED = 10  # each so-manieth types a digit wrong, the first time


def main():
    with own_database(name="test_guessing", command="migrate"):  # beside tests that may run
        from tests.support import clock

        clock.install()
        print(
            "| attacker | guesses looked at | chance of a hit a day | codes sent | tightest step |"
            " strangers: at once, within the day | known browsers: the same |"
        )
        print("|---|---|---|---|---|---|---|")
        for flood in (False, True):
            for addresses in ADDRESSES:
                print(Day(addresses, flood=flood).run())


class Day:
    """One day of one attacker, beside the people of an office."""

    def __init__(self, addresses, *, flood):
        from otp.counting import tightening
        from otp.models import Code, Message, Meter
        from tests.support.clock import Clock

        for table in (Message, Code, Meter):
            table.objects.all().delete()
        tightening.size(ACCOUNTS)
        self.test = TestCase()
        self.clock = Clock(self.test, 2026, 11, 26, 0, 0)
        self.flood = flood
        self.name = f"{addresses:,} addresses, " + ("asking only" if flood else "guessing")
        self.attackers = [asker(f"attacker{n}") for n in range(addresses)]
        self.held = {}
        self.victims = count()
        self.people = count()
        self.guesses = self.codes = 0
        self.tightest = 0
        self.served = Counter()
        self.tries = Counter()
        self.corrected = set()
        self.waiting = []

    def run(self):
        from otp.counting import tightening

        for _ in range(24 * 60 // TICK):
            self.attack()
            self.tightest = max(self.tightest, tightening.situation().step)
            waiting, self.waiting = self.waiting, []
            for n in [*waiting, *(next(self.people) for _ in range(PEOPLE))]:
                self.live(n)
            self.clock.forward(minutes=TICK)
        self.test.doCleanups()
        return (
            f"| {self.name} | {self.guesses:,} | {self.guesses / 10**6:.3%} | {self.codes:,} |"
            f" {int(self.tightest)} | {self.share(0)} | {self.share(1)} |"
        )

    def share(self, known):
        """Give who of them got through the first time, and who did at all."""
        everybody = 24 * 60 // TICK * PEOPLE // 2
        first, later = self.served[known, True], self.served[known, False]
        return f"{first / everybody:.0%}, {(first + later) / everybody:.0%}"

    def attack(self):
        """Let each address do what it can until it is held, or nobody gets a code."""
        from django.utils import timezone

        from otp.codes import TooSoon
        from otp.counting.ceilings import Paused
        from otp.counting.tightening import CallerHeld

        now = timezone.now()
        for attacker in self.attackers:
            if self.held.get(attacker, now) > now:
                continue
            try:
                self.strike(attacker)
            except CallerHeld as held:
                self.held[attacker] = held.until
            except TooSoon:
                continue
            except Paused:
                return

    def strike(self, attacker):
        from otp import codes
        from otp.models import Purpose

        while True:
            issued = ask(f"name{next(self.victims) % ACCOUNTS}@example.vn", attacker)
            self.codes += 1
            answer = None
            while not self.flood and (answer is None or answer.tries_left):
                answer = codes.verify(
                    issued.id, Purpose.RECOVERY, "x" * 6, nonce="n", asker=attacker
                )
                self.guesses += 1

    def live(self, n):
        """Have a person get a password back; who does not get through tries again next tick."""
        from otp import codes
        from otp.codes import TooSoon, Verdict
        from otp.counting.ceilings import Paused
        from otp.counting.tightening import CallerHeld
        from otp.models import Code, Purpose

        person = asker(f"person{n}", known=n % 2 == 1)
        self.tries[n] += 1
        try:
            issued = ask(f"person{n}@example.vn", person)
            row = Code.objects.get(pk=issued.id)
            right = codes.digits(row.pk, row.pepper_id)
            mistypes = n // 2 % MISTYPED == 0 and n not in self.corrected
            self.corrected.add(n)
            guesses = ["x" * 6, right] if mistypes else [right]
            verdicts = [
                codes.verify(row.pk, Purpose.RECOVERY, guess, nonce="n", asker=person).verdict
                for guess in guesses
            ]
        except (CallerHeld, Paused, TooSoon):
            self.waiting.append(n)
        else:
            if verdicts[-1] is Verdict.RIGHT:
                self.served[n % 2, self.tries[n] == 1] += 1
            else:
                self.waiting.append(n)


def ask(address, who):
    from django.db import transaction

    from otp import outbox
    from otp.counting import keyed_names
    from otp.models import Purpose

    with transaction.atomic():
        number = int(keyed_names.name_of("phone", address), 16) % 10**8
        return outbox.send_code(
            address,
            Purpose.RECOVERY,
            to=f"+849{number:08}",
            text="{code}",
            nonce="n",
            proved=True,
            asker=who,
        )


def asker(name, *, known=False):
    from otp.counting.tightening import Asker

    return Asker(name, "" if known else f"network of {name}", is_known=known)


if __name__ == "__main__":
    sys.exit(main())
