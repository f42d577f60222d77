"""The office's rule over the life of a code: how many, how far apart, on which day, whose."""

import datetime as dt
import json
import random
import string
import uuid
from collections import Counter
from pathlib import Path

import time_machine
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client, SimpleTestCase, TestCase, override_settings

from accounts.addresses import canonical
from mailportal.profile import load
from otp import codes, outbox
from otp.codes import TooSoon, Verdict
from otp.counting import keyed_names
from otp.models import CODES_A_DAY, GAP, OFFICE_ZONE, Code, Meter, Purpose
from tests.support import cast
from tests.support.cast import CODE, NEW, newest_code
from tests.support.clock import Clock, let_pass

AN = "an@example.vn"
PHONE = "+84912466981"
SECOND = dt.timedelta(seconds=1)
OLD_PEPPER, NEW_PEPPER = settings.OTP_PEPPERS[0], "only-for-tests-" + "n" * 40


def clock(text, day=22):
    """Give a moment on the office's wall."""
    return dt.datetime.fromisoformat(f"2026-11-{day:02d}T{text}").replace(tzinfo=OFFICE_ZONE)


class Ledger(TestCase):
    def setUp(self):
        self.clock = Clock(self)

    def issue(self, at=None, address=AN, purpose=Purpose.RECOVERY):
        if at is not None:
            self.clock.stand_at(at)
        return codes.issue(address, purpose, nonce="n")

    def ordinal(self, issued):
        return Code.objects.get(pk=issued.id).ordinal

    def assert_too_soon(self, at, *, next_at, spent, **whose):
        with self.assertRaises(TooSoon) as refusal:
            self.issue(at, **whose)
        self.assertEqual((refusal.exception.next_at, refusal.exception.spent), (next_at, spent))


class GapTests(Ledger):
    def test_codes_are_five_minutes_apart(self):
        first = self.issue(clock("08:00:00"))

        self.assertEqual(first.next_at, clock("08:05:00"))
        for at in ("08:00:00", "08:00:01", "08:04:59.999999"):
            self.assert_too_soon(clock(at), next_at=clock("08:05:00"), spent=False)
        self.assertEqual(self.ordinal(self.issue(clock("08:05:00"))), 2)

    def test_a_clock_that_was_set_back_opens_nothing(self):
        self.issue(clock("08:00:00"))

        self.assert_too_soon(clock("07:58:00"), next_at=clock("08:05:00"), spent=False)

    def test_another_purpose_and_another_address_have_a_gap_of_their_own(self):
        self.issue(clock("08:00:00"))

        self.issue(clock("08:00:01"), purpose=Purpose.PHONE)
        self.issue(clock("08:00:01"), address="binh@example.vn")

    def test_a_new_code_finds_the_old_one_dead(self):
        first = self.issue()

        kept = Code.objects.get(pk=first.id)
        self.assertLessEqual(kept.expires_at, kept.gap_until)
        self.assertEqual(kept.gap_until - kept.issued_at, GAP)


class DayTests(Ledger):
    def test_two_a_day_and_tomorrow_again(self):
        self.assertEqual(self.issue(clock("08:00:00")).left_today, 1)
        second = self.issue(clock("12:00:00"))

        self.assertEqual((second.left_today, second.next_at), (0, clock("00:00:00", 23)))
        for at in ("12:00:01", "12:05:00", "23:59:59"):
            self.assert_too_soon(clock(at), next_at=clock("00:00:00", 23), spent=True)
        self.assertEqual(self.ordinal(self.issue(clock("00:00:00", 23))), 1)

    def test_the_five_minutes_hold_across_midnight(self):
        self.issue(clock("23:50:00"))

        second = self.issue(clock("23:56:00"))

        self.assertEqual(second.next_at, clock("00:01:00", 23))
        self.assert_too_soon(clock("23:59:00"), next_at=clock("00:01:00", 23), spent=True)
        self.assert_too_soon(clock("00:00:00", 23), next_at=clock("00:01:00", 23), spent=False)
        third = self.issue(clock("00:01:01", 23))
        self.assertEqual((self.ordinal(third), third.left_today), (1, 1))

    def test_the_day_is_the_offices_wherever_the_database_thinks_it_is(self):
        for zone in ("UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Ho_Chi_Minh"):
            with self.subTest(zone), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
                whose = {"address": f"{zone.lower().replace('/', '-')}@example.vn"}
                self.issue(clock("00:30:00"), **whose)
                self.issue(clock("06:30:00"), **whose)
                for at in ("07:30:00", "23:59:59"):
                    with self.assertRaises(TooSoon) as refusal:
                        self.issue(clock(at), **whose)
                    self.assertTrue(refusal.exception.spent)
                self.assertEqual(self.issue(clock("00:00:00", 23), **whose).left_today, 1)
                days = Code.objects.values_list("local_day", flat=True).distinct()
                self.assertEqual(sorted(days), [dt.date(2026, 11, 22), dt.date(2026, 11, 23)])

    def test_a_host_whose_clock_is_wrong_changes_nothing(self):
        self.issue(clock("08:00:00"))

        with time_machine.travel(clock("08:00:00", 23)):
            self.assert_too_soon(None, next_at=clock("08:05:00"), spent=False)
            issued = self.issue(address="binh@example.vn")

        self.assertEqual(Code.objects.get(pk=issued.id).issued_at, clock("08:00:00"))


class VoidTests(Ledger):
    def test_voiding_gives_the_place_back_but_not_the_five_minutes(self):
        codes.void(self.issue(clock("08:00:00")).id)

        self.assert_too_soon(clock("08:04:59"), next_at=clock("08:05:00"), spent=False)
        again = self.issue(clock("08:05:00"))
        self.assertEqual(self.ordinal(again), 1)

    def test_the_smallest_free_place_is_taken(self):
        first = self.issue(clock("08:00:00"))
        second = self.issue(clock("09:00:00"))
        codes.void(first.id)

        third = self.issue(clock("10:00:00"))

        self.assertEqual([self.ordinal(each) for each in (first, second, third)], [1, 2, 1])
        self.assert_too_soon(clock("11:00:00"), next_at=clock("00:00:00", 23), spent=True)

    def test_the_number_shown_does_not_tell_that_a_code_was_voided(self):
        codes.void(self.issue(clock("08:00:00")).id)

        self.assertEqual(self.issue(clock("09:00:00")).left_today, 0)


class PepperTests(Ledger):
    def rotate(self, *peppers):
        rotated = override_settings(OTP_PEPPERS=list(peppers))
        rotated.enable()
        self.addCleanup(rotated.disable)

    def send(self):
        with transaction.atomic():
            return outbox.send_code(
                "an@example.vn", Purpose.RECOVERY, to=PHONE, text="{code}", nonce="n"
            )

    def digits(self, issued):
        return codes.digits(issued.id, Code.objects.get(pk=issued.id).pepper_id)

    def verify(self, issued, guess):
        return codes.verify(issued.id, Purpose.RECOVERY, guess, nonce="n").verdict

    def test_gap_and_count_hold_over_a_rotation(self):
        self.issue(clock("08:00:00"))
        self.rotate(NEW_PEPPER, OLD_PEPPER)

        self.assert_too_soon(clock("08:04:59"), next_at=clock("08:05:00"), spent=False)
        self.assertEqual(self.issue(clock("08:05:00")).left_today, 0)
        self.assert_too_soon(clock("09:00:00"), next_at=clock("00:00:00", 23), spent=True)

    def test_a_code_in_flight_is_still_right_in_the_browser_that_asked(self):
        issued = self.send()
        sent = self.digits(issued)

        self.rotate(NEW_PEPPER, OLD_PEPPER)

        self.assertEqual(self.digits(issued), sent)
        self.assertEqual(self.verify(issued, sent), Verdict.RIGHT)

    def test_a_row_whose_pepper_is_gone_is_never_right(self):
        issued = self.send()
        sent = self.digits(issued)
        self.rotate(NEW_PEPPER)
        # What is compared must not be something that can be typed.
        Code.objects.update(browser_key=keyed_names.name_of("browser", "n"))

        for guess in (sent, self.digits(issued), "", "000000"):
            with self.subTest(guess):
                self.assertEqual(self.verify(issued, guess), Verdict.WRONG)

    def test_an_address_that_is_closed_stays_closed_over_a_rotation(self):
        for hours in (24, 23):
            issued = self.send()
            for _ in range(5):
                self.verify(issued, "x")
            let_pass(self, hours=hours)

        self.rotate(NEW_PEPPER, OLD_PEPPER)

        self.assertTrue(self.issue().closed)
        codes.reopen(AN, Purpose.RECOVERY)
        self.assertFalse(Meter.objects.filter(key__startswith="streak:").exists())


class AddressesThatAreOneTests(cast.Cast, TestCase):
    """QU-04: however it is typed, it is one address with one count."""

    def assert_one(self, spellings):
        answers = [self.ask(spelling, Client()).status_code for spelling in spellings]

        self.assertEqual(answers, [302] + [200] * (len(spellings) - 1))
        self.assertEqual(Code.objects.count(), 1)
        self.assertEqual({canonical(spelling) for spelling in spellings}, {self.an.address})

    def test_case_spaces_width_and_the_bare_name(self):
        self.set_up_people()

        self.assert_one(
            [
                "an",
                "AN",
                "  an  ",
                "ａｎ",
                self.an.address,
                self.an.address.upper(),
                f"\tAn@{settings.MAIL_DOMAINS[0].title()}\n",
            ]
        )

    def test_the_old_and_the_new_domain(self):
        profile = load("tuyenquang")
        new, old = profile.domains
        domains = {"MAIL_DOMAINS": profile.domains, "MAIL_DOMAIN_ALIASES": profile.domain_aliases}
        with override_settings(**domains):
            self.set_up_people()

            self.assert_one(["an", f"an@{old}", f"an@{new}", f" AN@{old.upper()} "])

    def test_the_old_domain_leads_to_the_same_password(self):
        profile = load("tuyenquang")
        domains = {"MAIL_DOMAINS": profile.domains, "MAIL_DOMAIN_ALIASES": profile.domain_aliases}
        with override_settings(**domains):
            self.set_up_people()

            r = self.log_in(f"an@{profile.domains[1]}")

            self.assertEqual((r.status_code, r.url), (302, "/"))


class DigitsTests(SimpleTestCase):
    def test_they_are_uniform(self):
        chance = random.Random(20261122)
        made_with = keyed_names.current_id()
        drawn = [
            codes.digits(uuid.UUID(int=chance.getrandbits(128)), made_with) for _ in range(100_000)
        ]

        self.assertEqual({len(code) for code in drawn}, {6})
        for place in range(6):
            found = Counter(code[place] for code in drawn)
            # Nine degrees of freedom: one honest draw in a thousand is above.
            self.assertLess(chi_squared(found, string.digits), 27.88, place)
        for half in (slice(0, 3), slice(3, 6)):
            found = Counter(code[half] for code in drawn)
            # 999 degrees of freedom, likewise.
            self.assertLess(chi_squared(found, [f"{n:03d}" for n in range(1000)]), 1143.9)

    def test_a_row_has_other_digits_under_another_pepper(self):
        row = uuid.uuid4()
        old = codes.digits(row, keyed_names.current_id())

        with override_settings(OTP_PEPPERS=[NEW_PEPPER, OLD_PEPPER]):
            new = codes.digits(row, keyed_names.current_id())
            kept = codes.digits(row, keyed_names._id(OLD_PEPPER))

        # They are the same for one row in a million.
        self.assertNotEqual(new, old)
        self.assertEqual(kept, old)


def chi_squared(found, values):
    expected = found.total() / len(values)
    return sum((found[value] - expected) ** 2 / expected for value in values)


class LeadingZeroTests(cast.Cast, TestCase):
    def test_zeros_in_front_are_sent_and_count(self):
        self.set_up_people()
        client = self.ask_until_a_zero_leads()

        call_command("deliver_messages", "--once")

        sent = cast.code_in(self.newest_text())
        self.assertEqual(sent[0], "0")
        self.assertContains(self.guess(sent.lstrip("0"), client), "đúng 6 chữ số")
        self.assertEqual(Code.objects.latest("issued_at").attempts, 0)
        self.assertRedirects(self.guess(sent, client), NEW)

    def ask_until_a_zero_leads(self):
        # One code in ten does; that 300 do not happens once in 10^13 runs.
        for _ in range(300):
            client = Client()
            self.assertRedirects(self.ask("an", client), CODE)
            if newest_code()[0] == "0":
                return client
            let_pass(self, days=1)
        raise AssertionError("no code of 300 begins with a zero")

    def newest_text(self):
        return json.loads(Path(settings.SMS_FILE).read_text().splitlines()[-1])["text"]


class RuleTests(SimpleTestCase):
    def test_it_is_the_memos(self):
        self.assertEqual((GAP, CODES_A_DAY), (dt.timedelta(minutes=5), 2))
        self.assertEqual(settings.OTP_LIFETIME, 300)
