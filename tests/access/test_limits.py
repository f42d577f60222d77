"""What must not happen too often, does not: per caller, per address, and over all codes of one."""

import datetime as dt
import json
from ipaddress import ip_network

from django.db import connection
from django.test import Client, TestCase, override_settings
from django.utils import timezone

from accounts.access.login import FAILURES
from accounts.models import AuditEvent
from otp import codes
from otp.counting import limits
from otp.counting.limits import Limit
from otp.models import Code, Message, Meter, Purpose
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW, newest_code, wrong_code
from tests.support.clock import let_pass

THREE = Limit("three", 3, dt.timedelta(minutes=10))
RESET_POSTS = 20  # of one caller in ten minutes
LOGIN_POSTS = 60


class ChargeTests(TestCase):
    def charge(self, times=1, who="an"):
        return [limits.charge(THREE, who).granted for _ in range(times)]

    def test_so_many_and_no_more(self):
        self.assertEqual(self.charge(5), [True] * 3 + [False] * 2)

    def test_everybody_has_a_count_of_their_own(self):
        self.charge(3)

        self.assertEqual(self.charge(who="binh"), [True])
        self.assertTrue(limits.charge(Limit("other", 3, THREE.period), "an").granted)

    def test_each_is_forgotten_a_period_after_it_was_charged(self):
        for minutes in (0, 4, 5):
            let_pass(self, minutes=minutes)
            self.charge()
        before = timezone.now()

        refused = limits.charge(THREE, "an")

        # The second was charged five minutes ago, the third just now; the first a minute more.
        self.assertFalse(refused.granted)
        self.assertAlmostEqual(
            refused.until, before + dt.timedelta(minutes=1), delta=dt.timedelta(seconds=30)
        )
        self.assertEqual(limits.used_up_until(THREE, "an"), refused.until)
        let_pass(self, minutes=1)
        self.assertIsNone(limits.used_up_until(THREE, "an"))
        self.assertEqual(self.charge(2), [True, False])
        let_pass(self, minutes=4)
        self.assertEqual(self.charge(2), [True, False])

    def test_no_span_as_long_as_the_period_holds_more(self):
        """Half a minute before the end of the first window, and right after it."""
        self.charge()
        let_pass(self, minutes=9, seconds=30)
        self.charge(2)
        let_pass(self, seconds=31)

        across = self.charge(3)

        self.assertEqual(across, [True, False, False])

    def test_what_was_counted_without_a_moment_goes_at_the_end(self):
        """By the release before, or a copy of a meter."""
        key = limits.key_of(THREE, "an")
        until = timezone.now() + dt.timedelta(minutes=4)
        Meter.objects.create(key=key, count=2, until=until)

        self.assertEqual(self.charge(2), [True, False])

        self.assertEqual(limits.used_up_until(THREE, "an"), until)
        let_pass(self, minutes=4, seconds=1)
        self.assertEqual(self.charge(3), [True, True, False])

    def test_a_refused_charge_costs_nothing(self):
        self.charge(3)
        refused = [limits.charge(THREE, "an") for _ in range(5)]

        self.assertEqual(Meter.objects.get().count, 3)
        self.assertEqual(len({charge.until for charge in refused}), 1)

    def test_what_is_given_back_may_be_taken_again(self):
        self.charge(3)
        limits.give_back(THREE, "an")

        self.assertEqual(self.charge(2), [True, False])

    def test_nothing_is_given_back_that_was_not_taken(self):
        limits.give_back(THREE, "an")
        self.assertEqual(Meter.objects.count(), 0)
        self.charge()
        for _ in range(3):
            limits.give_back(THREE, "an")

        self.assertEqual(self.charge(4), [True] * 3 + [False])

    def test_what_is_cleared_starts_anew(self):
        self.charge(3)
        limits.clear(THREE, "an")

        self.assertEqual(self.charge(), [True])


class Callers(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def post(self, times=1, path=ASK, **caller):
        """Post an empty form, which costs its sender a try all the same."""
        return [Client().post(path, {}, **caller).status_code for _ in range(times)]

    def use_up(self, tries=RESET_POSTS, **caller):
        """Leave the caller one try."""
        self.post(**caller)
        Meter.objects.update(count=tries - 1)

    def buckets(self, *callers):
        """Post once by each of these callers, and give how many posts each meter has."""
        Meter.objects.all().delete()
        for caller in callers:
            self.assertEqual(self.post(**caller), [200], caller)
        return sorted(
            Meter.objects.filter(key__startswith="caller-").values_list("count", flat=True)
        )


class CallerTests(Callers):
    def test_a_network_address_may_post_so_often(self):
        self.assertEqual(self.post(RESET_POSTS + 1), [200] * RESET_POSTS + [429])
        self.assertEqual(self.post(REMOTE_ADDR="192.0.2.7"), [200])
        let_pass(self, minutes=10)
        self.assertEqual(self.post(), [200])

    def test_the_posts_of_ten_minutes_are_no_more_across_an_edge(self):
        self.post()
        let_pass(self, minutes=9, seconds=50)
        before = self.post(RESET_POSTS - 1)
        let_pass(self, seconds=11)

        across = self.post(RESET_POSTS)

        self.assertEqual(before, [200] * (RESET_POSTS - 1))
        self.assertEqual(across, [200] + [429] * (RESET_POSTS - 1))

    def test_reading_and_other_forms_cost_nothing(self):
        self.use_up()
        self.assertEqual(self.post(2), [200, 429])

        self.assertEqual(self.client.get(ASK).status_code, 200)
        self.assertEqual(self.post(path=LOGIN), [200])

    def test_what_a_caller_writes_into_the_header_changes_nothing(self):
        for proxies, header in (
            (0, "198.51.100.{}"),
            (1, "198.51.100.{}, 192.0.2.1"),
            (1, "198.51.100.{},10.0.0.1,192.0.2.1"),
            (2, "198.51.100.{}, 192.0.2.1,10.0.0.2"),
        ):
            with self.subTest(header), override_settings(TRUSTED_PROXY_COUNT=proxies):
                forged = [{"HTTP_X_FORWARDED_FOR": header.format(n)} for n in range(8)]

                self.assertEqual(self.buckets(*forged), [8])

    def test_a_forged_header_does_not_open_what_is_used_up(self):
        self.use_up()
        self.post()

        forged = [self.post(HTTP_X_FORWARDED_FOR=f"1.2.3.{n}")[0] for n in range(50)]

        self.assertEqual(set(forged), {429})

    def test_behind_proxies_the_callers_are_told_apart(self):
        for proxies, header in ((1, "{}"), (1, "x, {}"), (2, "{}, 10.0.0.2"), (2, "x,{},10.0.0.2")):
            with self.subTest(header), override_settings(TRUSTED_PROXY_COUNT=proxies):
                callers = [
                    {"HTTP_X_FORWARDED_FOR": header.format(f"192.0.2.{n}")} for n in (1, 2, 2)
                ]

                self.assertEqual(self.buckets(*callers), [1, 2])

    def test_the_address_on_record_is_the_trusted_one_too(self):
        with override_settings(TRUSTED_PROXY_COUNT=1):
            client = Client(HTTP_X_FORWARDED_FOR="198.51.100.1, 192.0.2.1")
            self.log_in(password="sai", client=client)

        self.assertEqual(AuditEvent.objects.latest("pk").client, "192.0.2.1")

    def test_callers_without_a_readable_address_share_one_bucket(self):
        # A request over a unix socket has no address; a proxy may be set up wrongly.
        unreadable = ("unknown", "", "_hidden, -", "\x7f" * 9, "999.1.1.1")
        with override_settings(TRUSTED_PROXY_COUNT=1):
            callers = [{"HTTP_X_FORWARDED_FOR": value} for value in unreadable]
            self.assertEqual(self.buckets(*callers, {}), [6])
        with override_settings(TRUSTED_PROXY_COUNT=2):
            self.assertEqual(self.buckets({"HTTP_X_FORWARDED_FOR": "192.0.2.1"}, {}), [2])
        self.assertEqual(self.buckets({"REMOTE_ADDR": ""}, {"REMOTE_ADDR": ""}), [2])
        self.use_up(REMOTE_ADDR="")
        self.assertEqual(self.post(2, REMOTE_ADDR=""), [200, 429])

    def test_such_a_caller_can_do_everything_else(self):
        for address in ("", "fe80::1%eth0", "::ffff:192.0.2.1", "2001:db8::1"):
            with self.subTest(address):
                client = Client(REMOTE_ADDR=address)

                self.assertEqual(self.log_in(password="sai", client=client).status_code, 200)
                self.assertEqual(self.log_in(client=client).status_code, 302)

    def test_one_household_of_ipv6_is_one_caller(self):
        household = [{"REMOTE_ADDR": f"2001:db8:1:2:{n:x}::{n:x}"} for n in range(8)]
        next_door = {"REMOTE_ADDR": "2001:db8:1:3::1"}

        self.assertEqual(self.buckets(*household, next_door), [1, 8])

    def test_ipv4_in_the_clothes_of_ipv6_is_the_same_caller_and_no_other(self):
        one = ({"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "::ffff:192.0.2.1"})
        another = {"REMOTE_ADDR": "::ffff:192.0.2.2"}

        self.assertEqual(self.buckets(*one, another, another, another), [2, 3])

    @override_settings(OFFICE_NETWORKS=[ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")])
    def test_an_office_may_post_ten_times_as_often(self):
        for address in ("192.0.2.9", "2001:db8::9"):
            self.use_up(10 * RESET_POSTS, REMOTE_ADDR=address)
            self.assertEqual(self.post(2, REMOTE_ADDR=address), [200, 429], address)
        self.use_up(REMOTE_ADDR="198.51.100.1")
        self.assertEqual(self.post(2, REMOTE_ADDR="198.51.100.1"), [200, 429])

    @override_settings(RATELIMIT_ENABLE=False)
    def test_load_tests_can_switch_it_off(self):
        self.assertEqual(set(self.post(2 * RESET_POSTS)), {200})

    def test_the_page_says_how_long_to_wait(self):
        self.use_up()
        self.post()
        let_pass(self, minutes=3)

        for name in ("an", "khong.co"):
            r = self.ask(name)

            self.assertContains(r, "7 phút", status_code=429)
            self.assertIn(int(r.headers["Retry-After"]), range(6 * 60, 7 * 60 + 1))

    def test_who_is_stopped_has_not_touched_anybodys_codes(self):
        """QU-07a: the caller is charged before the address."""
        self.use_up()
        self.post()

        self.assertEqual(self.ask("an").status_code, 429)

        self.assertFalse(Code.objects.exists())
        self.assertEqual(self.ask("an", Client(REMOTE_ADDR="192.0.2.7")).url, CODE)

    def test_one_caller_reaches_so_many_accounts(self):
        asked = [self.ask(f"nguoi{n}", Client()).status_code for n in range(50)]

        self.assertEqual(asked, [302] * RESET_POSTS + [429] * (50 - RESET_POSTS))
        self.log_in("nguoi", "sai")
        Meter.objects.filter(key__startswith="caller-login").update(count=LOGIN_POSTS - 2)
        tried = [self.log_in(f"nguoi{n}", "sai", Client()).status_code for n in range(5)]
        self.assertEqual(tried, [200, 200, 429, 429, 429])

    def test_one_account_is_reached_so_often_by_however_many_callers(self):
        callers = [Client(REMOTE_ADDR=f"198.51.100.{n}") for n in range(50)]

        for name in ("an", "khong.co"):
            asked = [self.ask(name, client).status_code for client in callers]
            self.assertEqual(asked, [302] + [200] * 49)
            tried = [self.log_in(name, "sai", client) for client in callers]
            self.assertEqual({r.status_code for r in tried}, {200})
        for event, times in (("login-failed", FAILURES.count), ("login-held", 1)):
            self.assertEqual(AuditEvent.objects.filter(event=event).count(), 2 * times)
        self.assertEqual(Code.objects.count(), 2)


class KeyedNamesTests(Callers):
    def test_the_table_of_counts_names_nobody(self):
        client = Client(REMOTE_ADDR="192.0.2.77")
        self.ask("an", client)
        self.guess(wrong_code(), client)
        self.ask("khong.co", client)
        self.log_in("mat-khau-go-nham", "sai", client)
        self.log_in("@@@ khong doc duoc", "sai", client)

        with connection.cursor() as cursor:
            cursor.execute("SELECT json_agg(t)::text FROM otp_meter AS t")
            (kept,) = cursor.fetchone()

        self.assertGreaterEqual(len(json.loads(kept)), 7)
        for name in ("192.0.2", "@", "an@", "khong", "mat-khau", "987466981", "466981"):
            self.assertNotIn(name, kept)


class ClosedAddressTests(cast.Cast, TestCase):
    """OT-09: ten wrong guesses in a row, over all codes of an address."""

    def setUp(self):
        self.set_up_people()

    def wrong_guesses(self, count, name="an"):
        client = Client()
        self.assertEqual(self.ask(name, client).url, CODE)
        return [self.guess(wrong_code(), client) for _ in range(count)]

    def close(self, name="an"):
        self.wrong_guesses(5, name)
        let_pass(self, days=1)
        self.wrong_guesses(5, name)
        let_pass(self, hours=23)

    def ask_and_guess_right(self):
        client = Client()
        self.ask("an", client)
        return self.guess(newest_code(), client)

    def test_after_ten_nothing_is_sent_and_nothing_is_right(self):
        self.close()
        sent = cast.queued()

        r = self.ask_and_guess_right()

        self.assertContains(r, "Mã chưa đúng")
        self.assertEqual(cast.queued(), sent)
        self.assertEqual(Message.objects.latest("pk").reason, "closed")

    def test_after_nine_everything_is_as_ever(self):
        self.wrong_guesses(5)
        let_pass(self, days=1)
        self.wrong_guesses(4)
        let_pass(self, hours=23)

        self.assertRedirects(self.ask_and_guess_right(), NEW)

    def test_the_tenth_guess_may_still_be_right(self):
        self.wrong_guesses(5)
        let_pass(self, days=1)
        client = Client()
        self.ask("an", client)
        for _ in range(4):
            self.guess(wrong_code(), client)

        self.assertRedirects(self.guess(newest_code(), client), NEW)

    def test_the_pages_stay_the_same(self):
        for name in ("an", "khong.co"):
            self.close(name)
        pages = {}
        for name in ("an", "khong.co", "binh", "nguoi.khac"):
            client = Client()
            asked = self.ask(name, client)
            wrong = [self.guess(wrong_code(), client) for _ in range(6)]
            pages[name] = [(r.status_code, r.headers.get("Location")) for r in (asked, *wrong)]

        self.assertEqual(pages["an"], pages["nguoi.khac"])
        self.assertEqual(pages["khong.co"], pages["nguoi.khac"])
        self.assertEqual(pages["binh"], pages["nguoi.khac"])

    def test_the_password_still_opens(self):
        self.close()

        self.assertEqual(self.log_in().url, "/")

    def test_it_opens_again_after_a_day(self):
        self.close()
        let_pass(self, hours=1)

        self.assertRedirects(self.ask_and_guess_right(), NEW)

    def test_further_guesses_neither_lengthen_nor_shorten_the_day(self):
        self.close()
        until = self.streak().until

        self.wrong_guesses(5)

        self.assertEqual(self.streak().until, until)
        self.assertGreaterEqual(self.streak().count, codes.STREAK)

    def streak(self):
        return Meter.objects.get(key__startswith="streak:")

    def test_the_hotline_can_open_it(self):
        self.close()

        codes.reopen(self.an.address, Purpose.RECOVERY)

        self.assertRedirects(self.ask_and_guess_right(), NEW)

    def test_a_right_code_ends_the_row(self):
        self.wrong_guesses(5)
        let_pass(self, days=1)
        self.wrong_guesses(3)
        let_pass(self, days=1)
        self.ask_and_guess_right()
        let_pass(self, days=1)
        self.wrong_guesses(2)
        let_pass(self, hours=23)

        self.assertRedirects(self.ask_and_guess_right(), NEW)

    def test_a_stranger_closes_one_purpose_only(self):
        self.close()

        issued = codes.issue(self.an.address, Purpose.PHONE, nonce="n")

        self.assertFalse(issued.closed)
