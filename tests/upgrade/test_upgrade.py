"""An upgrade while people are at work: no request fails, no session and no code is lost."""

import itertools
import os
import re
import shutil
import signal
import tempfile
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from django_otp.oath import totp

from tests.support.cast import ASK, CODE, FACTOR, LOGIN, NEW, NEW_PASSWORD, PASSWORD, code_in
from tests.support.programs import deployment, gateway, releases
from tests.support.programs.deployment import Server, Visitor
from tests.support.programs.output import Output
from tests.support.programs.starting import Program
from tests.support.waiting import wait_for, wait_for_end

# Roles belong to the whole server.
OWNER, APP = f"upgrade_owner_{os.getpid()}", f"upgrade_app_{os.getpid()}"
DATABASE = f"upgrade_{os.getpid()}"
ROLE_PASSWORD = "geheim-u-61c0"

PEOPLE = 200
# Written for the release before, which makes them.
MAKE_PEOPLE = f"""
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from accounts.models import Account
now = timezone.now()
boss = Account.objects.create_user("boss", {PASSWORD!r}, is_staff=True, is_superuser=True)
TOTPDevice.objects.create(user=boss, name="app", key="{"5a" * 20}")
for number in range({PEOPLE}):
    person = Account.objects.create_user(
        f"p{{number}}", None, phone=f"+8491{{number:07}}", phone_confirmed_at=now)
    person.password = boss.password
    person.save(update_fields=["password"])
"""
STAFF_PAGES = (
    "/ho-tro/",
    "/ho-tro/doi-so/",
    "/quan-tri/",
    "/quan-tri/accounts/account/",
    "/quan-tri/accounts/auditevent/",
    "/quan-tri/otp/message/",
    "/quan-tri/otp/brakes/",
    "/quan-tri/bao-cao/",
    "/quan-tri/bao-cao/ma/",
    "/quan-tri/bao-cao/ho-tro/",
    "/quan-tri/chien-dich/",
)
OWN_PAGES = ("/cau-hinh/", "/cau-hinh/thong-tin/", "/cau-hinh/hoat-dong/", "/huong-dan/")


def heading(page):
    """Give the words of a page around its heading, for a failure."""
    words = re.sub(r"<[^>]+>", " ", page[max(page.find("<main"), 0) :])
    return " ".join(words.split())[:300]


class Door:
    """Takes a visitor's requests to the servers in turn, and notes what went wrong."""

    def __init__(self, site, caller):
        self.site, self.caller, self.turn = site, caller, itertools.count()

    def request(self, method, path, body=None, **headers):
        servers = self.site.servers
        server = servers[next(self.turn) % len(servers)]
        try:
            r = server.request(method, path, body, X_Forwarded_For=self.caller, **headers)
        except OSError as error:
            self.site.failed.append(f"{method} {path}: {error!r}")
            raise
        self.site.answered += 1
        if r.status >= 400:
            self.site.failed.append(f"{method} {path}: {r.status} {heading(r.text)}")
        return r


class Person:
    """Somebody with an account, a phone and a browser."""

    def __init__(self, site, number):
        self.site = site
        self.name, self.phone = f"p{number}", f"+8491{number:07}"
        caller = f"10.{number}.7.9"
        self.browser = Visitor(Door(site, caller))

    def do(self, path, awaited, **fields):
        page = self.browser.post(path, **fields)
        if awaited not in page:
            self.site.failed.append(f"POST {path}: no {awaited} in {heading(page)}")

    def log_in(self, password=PASSWORD):
        self.do(LOGIN, "/dang-xuat/", username=self.name, password=password)

    def look_around(self):
        for path in OWN_PAGES:
            page = self.browser.get(path)
            if "/dang-xuat/" not in page:
                self.site.failed.append(f"GET {path}: the session is lost: {heading(page)}")

    def ask(self):
        self.do(ASK, 'name="code"', address=self.name)

    def enter_code(self):
        self.do(CODE, 'name="new_password1"', code=self.site.code_of(self.phone))

    def choose_password(self):
        chosen = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        self.do(NEW, "Đã đổi mật khẩu", **chosen)
        self.log_in(NEW_PASSWORD)

    def start_phone_change(self):
        self.log_in()
        self.phone = self.phone.replace("+8491", "+8498")
        path = f"/cau-hinh/thong-tin/{self.name}@hagiang.gov.vn/"
        self.do(path, 'name="code"', phone=self.phone)

    def end_phone_change(self):
        path = f"/cau-hinh/thong-tin/{self.name}@hagiang.gov.vn/xac-thuc/"
        self.do(path, "Đã cập nhật số điện thoại", code=self.site.code_of(self.phone))

    def do_all(self):
        self.log_in()
        self.look_around()
        self.browser.cookies.clear()
        self.ask()
        self.enter_code()
        self.choose_password()
        self.look_around()


class Underway:
    """People who are each in the middle of something else."""

    def __init__(self, site):
        self.logged_in, self.asked, self.accepted, self.changing = site.people(4)
        self.logged_in.log_in()
        self.asked.ask()
        self.accepted.ask()
        self.accepted.enter_code()
        self.changing.start_phone_change()

    def go_on(self):
        self.logged_in.look_around()
        self.asked.enter_code()
        self.asked.choose_password()
        self.accepted.choose_password()
        self.changing.end_phone_change()


class Site:
    """A portal's servers, their traffic, and all that failed."""

    def __init__(self, supplier):
        self.supplier = supplier
        self.servers, self.failed, self.answered, self.journeys = [], [], 0, 0
        self._numbers = itertools.count()

    def people(self, count):
        return [Person(self, next(self._numbers)) for _ in range(count)]

    def code_of(self, phone):
        """Read the SMS that came to a number."""
        wait_for(lambda: self.failed or self._texts(phone), f"an SMS to {phone}")
        assert self._texts(phone), self.failed
        return code_in(self._texts(phone)[-1])

    def _texts(self, phone):
        return [sms["text"] for sms in self.supplier.texts if sms["to"] == phone]

    @contextmanager
    def traffic(self):
        stop = threading.Event()

        def go():
            try:
                while not stop.is_set():
                    (person,) = self.people(1)
                    person.do_all()
                    self.journeys += 1
            except BaseException as error:
                self.failed.append(repr(error))
                raise

        threads = [threading.Thread(target=go) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def let_pass(self, count):
        """Wait for so many journeys from now on."""
        until = self.journeys + count
        wait_for(lambda: self.failed or self.journeys >= until, f"journeys; {self.failed}")


@pytest.mark.commit(*reversed(releases.PREVIOUS))
class UpgradeTests(TransactionTestCase):
    def setUp(self):
        self.place = Path(tempfile.mkdtemp(prefix="mailportal-upgrade-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.code = self.place / "mailportal"  # /opt/mailportal of a deployment
        self.next = self.place / "next"
        releases.lay_previous(self.code)
        releases.lay_present(self.next)
        self.make_database()
        self.supplier = gateway.supply(self)
        self.site = Site(self.supplier)

    def make_database(self):
        self.addCleanup(self.sql, f"DROP ROLE {OWNER}", f"DROP ROLE {APP}")
        self.sql(
            f"CREATE ROLE {OWNER} LOGIN PASSWORD '{ROLE_PASSWORD}'",
            f"CREATE ROLE {APP} LOGIN PASSWORD '{ROLE_PASSWORD}'",
            f"CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8'",
        )
        self.addCleanup(self.sql, f"DROP DATABASE {DATABASE} WITH (FORCE)")

    def sql(self, *statements):
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def url(self, role):
        at = connection.settings_dict
        host = quote(at["HOST"] or "localhost", safe="")
        return f"postgresql://{role}:{ROLE_PASSWORD}@{host}:{at['PORT'] or 5432}/{DATABASE}"

    def environment(self, **changes):
        return self.supplier.environment() | {"DATABASE_URL": self.url(OWNER)} | changes

    def command(self, at, *command, **changes):
        done = deployment.run("manage.py", *command, at=at, **self.environment(**changes))
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def serve(self, at, **changes):
        server = Server("--workers", "1", at=at, **self.environment(**changes))
        self.addCleanup(server.end)
        return server

    def send(self, at, **changes):
        log = self.enterContext(closing(Output()))
        process = Program(
            "manage.py",
            "deliver_messages",
            at=at,
            env=deployment.environment(**self.environment(**changes)),
            stdout=log,
            stderr=log,
        )
        self.addCleanup(self.stop, process)
        return process

    def stop(self, process):
        process.terminate()
        wait_for_end(process, "the sender")

    def test_nobody_notices(self):
        both = {"DATABASE_URL": self.url(APP), "DATABASE_OWNER_URL": self.url(OWNER)}
        self.command(self.code, "migrate", "--verbosity=0")
        self.command(self.code, "shell", "-c", MAKE_PEOPLE)
        self.command(self.code, "collectstatic", "--noinput", "--verbosity=0")
        self.copy_static(self.next)
        old = self.serve(self.code)
        self.site.servers = [old]
        sender = self.send(self.code)
        staff = self.staff()
        before = Underway(self.site), Underway(self.site)

        with self.site.traffic():
            self.site.let_pass(2)
            self.command(self.next, "migrate", "--verbosity=0", **both)
            before[0].go_on()
            self.look(staff)
            self.site.let_pass(2)
            halfway = Underway(self.site), Underway(self.site)
            # Two servers behind one proxy, of which one is a release ahead.
            self.site.servers = [old, self.serve(self.next, DATABASE_URL=self.url(APP))]
            halfway[0].go_on()
            self.look(staff)
            self.site.let_pass(2)
            self.stop(sender)
            self.send(self.next, DATABASE_URL=self.url(APP))
            # The other one follows: new code where the old one was, and a reload.
            self.reload(old)
            before[1].go_on()
            halfway[1].go_on()
            self.look(staff)
            self.site.let_pass(2)

        self.assertEqual(self.site.failed, [])
        self.assertIn("rows are whole", self.command(self.next, "verify_audit"))

    def staff(self):
        browser = Visitor(Door(self.site, "10.250.7.9"))
        browser.post(LOGIN, username="boss", password=PASSWORD)
        browser.post(FACTOR, token=f"{totp(bytes.fromhex('5a' * 20)):06d}")
        self.look(browser)
        return browser

    def look(self, browser):
        for path in STAFF_PAGES:
            browser.get(path)
            self.assertEqual(browser.addresses[-2], path, browser.last.text)

    def copy_static(self, place):
        """Do what collectstatic does: it was done for today's code when the tests began."""
        shutil.copytree(settings.STATIC_ROOT, place / "var" / "static", dirs_exist_ok=True)

    def reload(self, server):
        releases.lay_present(self.code)
        self.copy_static(self.code)
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "Worker exiting" in server.log(), "the old worker", log=server.log)
