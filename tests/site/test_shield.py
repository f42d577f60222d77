"""The shield: a flood of one caller is turned away before a session or the database is asked."""

from dataclasses import replace
from ipaddress import ip_network
from unittest import mock

import pytest
from django.conf import settings
from django.core import checks
from django.core.cache import cache
from django.db import connection
from django.test import Client, SimpleTestCase, TestCase, TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, is_valid_path

from accounts.access.login import FAILURES
from mailportal import shield
from otp.models import Code, Meter
from tests.house.test_house_rules import patterns
from tests.support import cast
from tests.support.cast import ASK, LOGIN
from tests.support.clock import Clock
from tests.support.programs import deployment
from tests.support.programs.redis_server import Redis

FLOOD = 2_000
HANDFUL = 5  # statements
COSTLY = (
    *("/quan-tri/", "/quan-tri/accounts/account/", "/quan-tri/accounts/auditevent/xuat/"),
    *("/quan-tri/bao-cao/", "/quan-tri/bao-cao/ma/ngay.csv", "/quan-tri/chien-dich/"),
    *("/quan-tri/accounts/account/nap/mau.csv", "/ho-tro/", "/ho-tro/tai-khoan/1/"),
    *("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"),
    *("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"),
    *("/huong-dan/cai-dat-thu/thu-cong-vu.mobileconfig", "/cau-hinh/hoat-dong/"),
)


class Floods(cast.Cast, TestCase):
    def setUp(self):
        # The windows are fixed, and a flood must not meet the edge of one.
        Clock(self, 2026, 3, 2, 9, 30)
        self.set_up_people()
        with connection.cursor() as cursor:
            # While all are refused, the test's transaction is idle.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")

    def flood(self, method, path, times=FLOOD, *, client=None, **caller):
        """Ask so many times; give how often each status was answered, and how many statements."""
        client = client or Client(**caller)
        answers = {}
        with CaptureQueriesContext(connection) as statements:
            for _ in range(times):
                r = getattr(client, method)(path)
                answers[r.status_code] = answers.get(r.status_code, 0) + 1
        return answers, len(statements)


class WholeFloodTests(Floods):
    def test_a_flood_fills_no_log(self):
        """One line for each limit that refuses a caller, however often it has to."""
        for method, path, caller, limits in (
            ("post", ASK, "198.51.100.7", 2),
            ("get", "/khong-co/", "198.51.100.8", 1),
        ):
            with self.subTest(path), self.assertLogs() as logged:
                answers, _ = self.flood(method, path, REMOTE_ADDR=caller)

                self.assertGreater(answers[429], FLOOD // 3)
                refusals = [r for r in logged.records if "refused" in r.getMessage()]
                self.assertEqual(len(refusals), limits)
                self.assertEqual(len(logged.records) - limits, answers.get(404, 0))

    def test_a_flood_of_posts_costs_a_handful_of_statements(self):
        admitted, _ = self.flood("post", ASK, 20)

        answers, statements = self.flood("post", ASK, FLOOD - 20)

        self.assertEqual((admitted, answers), ({200: 20}, {429: FLOOD - 20}))
        self.assertLessEqual(statements, HANDFUL)
        self.assertEqual(self.flood("post", LOGIN, 10), ({429: 10}, 0))

    def test_a_log_in_that_is_refused_costs_few_round_trips(self):
        typed = {"username": "khong.co", "password": "sai"}
        self.client.get(LOGIN)  # its notices are kept for a while
        for held, most in ((False, 5), (True, 7)):
            if held:
                Meter.objects.filter(key__startswith="login:").update(count=FAILURES.count)
                self.client.post(LOGIN, typed)
            with self.subTest(held=held), CaptureQueriesContext(connection) as statements:
                self.client.post(LOGIN, typed)

            # Inside the test's own transaction each of the view's is a savepoint.
            self.assertLessEqual(len(statements), most, [each["sql"] for each in statements])


class HeldTests(Floods):
    """Whom an exact limit has refused is turned away without a statement until that ends."""

    def setUp(self):
        super().setUp()
        self.clock = Clock(self, 2026, 3, 2, 9, 30)

    def hold(self, path=ASK, *, posts=20, **caller):
        """Have the exact limit of a page refuse a caller, which has one try left for it."""
        client = Client(**caller)
        client.post(path)
        Meter.objects.filter(key__startswith="caller-").update(count=posts)
        self.assertEqual(client.post(path).status_code, 429)
        return client

    def test_every_page_with_an_exact_limit(self):
        pages = {
            path: view.posts for _, path, view in patterns(get_resolver()) if hasattr(view, "posts")
        }
        self.assertGreater(len(pages), 10)
        self.come_in(cast.make_staff("huong"))

        for path, limit in pages.items():
            with self.subTest(path):
                cache.clear()
                Meter.objects.all().delete()
                self.client.post(path)
                Meter.objects.filter(key__startswith="caller-").update(count=limit.count)
                self.assertEqual(self.client.post(path).status_code, 429)

                self.assertEqual(self.flood("post", path, 3, client=self.client), ({429: 3}, 0))

    def test_it_ends_when_the_exact_limit_says_so(self):
        client = self.hold()
        self.clock.forward(minutes=9)
        before = client.post(ASK)
        self.clock.forward(minutes=1)

        self.assertEqual((before.status_code, client.post(ASK).status_code), (429, 200))
        self.assertIn("1 phút", before.content.decode())

    def test_other_pages_and_reading_stay_open(self):
        client = self.hold()

        self.assertEqual(client.get(ASK).status_code, 200)
        self.assertEqual(client.post(LOGIN).status_code, 200)

    def test_other_callers_feel_nothing(self):
        self.hold(REMOTE_ADDR="2001:db8:1:2::1")

        self.assertEqual(Client(REMOTE_ADDR="2001:db8:1:2::7").post(ASK).status_code, 429)
        self.assertEqual(Client(REMOTE_ADDR="2001:db8:1:3::1").post(ASK).status_code, 200)

    @override_settings(OFFICE_NETWORKS=[ip_network("192.0.2.0/24")])
    def test_an_office_has_its_own_limit(self):
        office = Client(REMOTE_ADDR="192.0.2.9")
        office.post(ASK)
        Meter.objects.update(count=20)
        self.assertEqual(office.post(ASK).status_code, 200)
        Meter.objects.update(count=200)
        self.assertEqual(office.post(ASK).status_code, 429)

        self.assertEqual(self.flood("post", ASK, 5, client=office), ({429: 5}, 0))

    def test_an_address_that_is_held_holds_no_caller(self):
        """A known browser, and a network of the staff's, have a count of their own."""
        self.log_in(client=self.client)
        self.client.post("/dang-xuat/")
        stranger = Client()
        for _ in range(FAILURES.count + 1):
            self.log_in(password="sai", client=stranger)

        self.assertEqual(self.log_in(client=stranger).status_code, 200)
        self.assertEqual(self.log_in(client=self.client).status_code, 302)

    def test_the_memory_names_nobody(self):
        self.hold(REMOTE_ADDR="192.0.2.77")

        held = [key for key in cache._cache if "held" in key]

        self.assertEqual(len(held), 1)
        self.assertNotIn("192.0.2.77", held[0])


class FloodTests(Floods):
    """With smaller limits, which are reached sooner."""

    def setUp(self):
        super().setUp()
        for name in ("REQUESTS", "COSTLY", "POSTS"):
            limit = getattr(shield, name)
            smaller = mock.patch.object(shield, name, replace(limit, count=limit.count // 10))
            smaller.start()
            self.addCleanup(smaller.stop)

    def test_a_flood_of_somebody_who_is_logged_in_costs_no_more(self):
        self.log_in()
        for method, path, most in (
            ("post", "/cau-hinh/mat-khau/", shield.POSTS.count),
            ("get", "/cau-hinh/hoat-dong/", shield.COSTLY.count),
            ("get", "/", shield.REQUESTS.count),
        ):
            with self.subTest(path):
                cache.clear()
                self.flood(method, path, most, client=self.client)

                self.assertEqual(self.flood(method, path, 10, client=self.client), ({429: 10}, 0))

    def test_every_page_takes_so_many_posts_and_no_more(self):
        pages = {path for _, path, _ in patterns(get_resolver())}
        self.assertGreater(len(pages), 60)
        self.flood("post", "/dang-xuat/", shield.POSTS.count)

        for path in sorted(pages):
            if path.startswith("/sms/") or not is_valid_path(path):
                continue
            with self.subTest(path):
                self.assertEqual(self.flood("post", path, 1), ({429: 1}, 0))

    def test_costly_pages_are_counted_together(self):
        self.flood("get", COSTLY[0], shield.COSTLY.count)

        for path in COSTLY:
            with self.subTest(path):
                self.assertEqual(self.flood("get", path, 3), ({429: 3}, 0))

    def test_suppliers_may_report_of_every_message(self):
        path = "/sms/twilio/trang-thai/"

        answers, _ = self.flood("post", path, 2 * shield.POSTS.count)

        self.assertNotIn(429, answers)
        self.assertEqual(self.flood("post", LOGIN, 1)[0], {200: 1})

    def test_what_other_sites_make_a_browser_send_uses_nothing_up(self):
        browser = Client(enforce_csrf_checks=True)

        self.assertEqual(self.flood("post", ASK, 100, client=browser), ({403: 100}, 0))

        self.assertEqual(self.client.post(ASK).status_code, 200)

    def test_other_methods_count_too(self):
        self.flood("put", LOGIN, shield.REQUESTS.count)

        self.assertEqual(self.flood("delete", LOGIN, 1), ({429: 1}, 0))

    def test_monitors_are_always_answered(self):
        self.assertEqual(self.flood("get", "/khong-co/", shield.REQUESTS.count + 1)[0][429], 1)

        self.assertEqual(self.client.get("/healthz").status_code, 200)

    def test_the_page_is_the_portals_own_and_says_how_long(self):
        self.flood("post", ASK, shield.POSTS.count)

        r = self.client.post(ASK)

        self.assertContains(r, "1 phút", status_code=429)
        self.assertIn(int(r.headers["Retry-After"]), range(1, 61))
        self.assertIn("Content-Security-Policy", r.headers)
        self.assertEqual(r.headers["Cache-Control"], "no-store")

    def test_a_minute_later_it_is_open_again(self):
        clock = Clock(self, 2026, 3, 2, 10, 30)
        self.flood("post", "/dang-xuat/", shield.POSTS.count + 1)

        clock.forward(seconds=61)

        self.assertNotEqual(self.client.post("/dang-xuat/").status_code, 429)

    def test_a_flood_is_logged_once_a_minute(self):
        with self.assertLogs("mailportal.shield", "WARNING") as log:
            self.flood("post", "/dang-xuat/", shield.POSTS.count + 9)

        self.assertEqual(len(log.output), 1)

    @override_settings(RATELIMIT_ENABLE=False)
    def test_load_tests_can_switch_it_off(self):
        self.assertEqual(self.flood("post", "/dang-xuat/", 100)[0], {302: 100})


class CallerTests(Floods):
    def test_others_feel_nothing(self):
        self.flood("post", ASK, shield.POSTS.count + 1, REMOTE_ADDR="198.51.100.7")
        other = Client(REMOTE_ADDR="198.51.100.8")

        self.assertEqual(self.ask("an", other).status_code, 302)

        self.assertEqual(Code.objects.count(), 1)

    def test_a_household_of_ipv6_is_one_caller(self):
        for n in range(shield.POSTS.count):
            Client(REMOTE_ADDR=f"2001:db8:1:2:{n:x}::1").post("/dang-xuat/")

        self.assertEqual(Client(REMOTE_ADDR="2001:db8:1:2::7").post(ASK).status_code, 429)
        self.assertEqual(Client(REMOTE_ADDR="2001:db8:1:3::7").post(ASK).status_code, 200)

    def test_what_a_caller_writes_into_headers_changes_nothing(self):
        with override_settings(TRUSTED_PROXY_COUNT=1):
            for n in range(shield.POSTS.count):
                Client(HTTP_X_FORWARDED_FOR=f"192.0.2.{n}, 198.51.100.7").post("/dang-xuat/")
            r = Client(HTTP_X_FORWARDED_FOR="192.0.3.1, 198.51.100.7").post(ASK)

        self.assertEqual(r.status_code, 429)

    def test_offices_and_staff_have_more(self):
        for name in ("OFFICE_NETWORKS", "STAFF_NETWORKS"):
            cache.clear()
            most = shield.POSTS.count + 5
            with self.subTest(name), override_settings(**{name: [ip_network("192.0.2.0/24")]}):
                answers, _ = self.flood("post", "/dang-xuat/", most, REMOTE_ADDR="192.0.2.9")

                self.assertEqual(answers, {302: most})

    def test_callers_without_an_address_are_one(self):
        self.flood("post", "/dang-xuat/", shield.POSTS.count, REMOTE_ADDR="")

        self.assertEqual(Client(REMOTE_ADDR="").post(ASK).status_code, 429)


class CheckTests(SimpleTestCase):
    def test_nothing_of_the_library_is_left_to_say(self):
        faults = checks.run_checks(tags=[checks.Tags.caches, "django_ratelimit"])

        self.assertEqual([fault for fault in faults if not fault.is_silenced()], [])

    def test_it_stands_before_what_asks_the_database(self):
        order = settings.MIDDLEWARE
        at = order.index("mailportal.shield.ShieldMiddleware")

        for name in ("AuthenticationMiddleware", "OTPMiddleware", "LoginRequiredMiddleware"):
            self.assertLess(at, next(n for n, it in enumerate(order) if it.endswith(name)), name)


@pytest.mark.program("redis-server")
class RedisTests(TransactionTestCase):
    """gunicorn with two processes: they count together, and go on without Redis."""

    def setUp(self):
        self.redis = Redis()
        self.addCleanup(lambda: self.redis.process.poll() is None and self.redis.end())
        self.server = deployment.Server("--workers", "2", CACHE_URL=self.redis.url)
        self.addCleanup(self.server.end)

    def ask(self, times):
        return [self.server.request("GET", "/quan-tri/").status for _ in range(times)]

    def test_the_count_is_one_for_all_processes(self):
        # Each process alone would have seen half of them. Once more, should a window have ended.
        self.assertTrue(any(429 in self.ask(shield.COSTLY.count + 1) for _ in range(2)))

    def test_a_redis_that_goes_away_takes_nothing_with_it(self):
        self.ask(2)
        self.redis.end()

        self.assertEqual(set(self.ask(20)), {302})

        self.assertEqual(self.server.request("GET", "/dang-nhap/").status, 200)
        said = self.server.log().count("Redis does not answer")
        self.assertIn(said, (1, 2))  # once by each process
        self.assertNotIn(str(self.redis.port), self.server.log())
        shown = {self.server.request("GET", "/readyz").text for _ in range(20)}
        self.assertTrue(any('"shield": false' in text for text in shown), shown)


class NoRedisTests(cast.Cast, TestCase):
    """DS-05: what must be exact is counted in PostgreSQL, whatever becomes of Redis."""

    def setUp(self):
        shield._Redis.asked_again_at = 0.0
        self.addCleanup(setattr, shield._Redis, "is_up", True)
        self.addCleanup(setattr, shield._Redis, "asked_again_at", 0.0)
        self.set_up_people()

    @override_settings(
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://127.0.0.1:1/0",
                "OPTIONS": {"socket_connect_timeout": 0.1},
            }
        }
    )
    def test_the_exact_limits_hold(self):
        answers = [Client().post(ASK).status_code for _ in range(22)]

        self.assertEqual(answers, [200] * 20 + [429] * 2)
        self.assertIs(self.client.get("/readyz").json()["shield"], False)
