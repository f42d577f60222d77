"""Sessions: a new key at each step up, an end in time, and nothing in them worth stealing."""

import datetime as dt

from django.conf import settings
from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.access.sessions import SessionStore
from accounts.credentials.locks import lock
from accounts.models import AuditEvent, Session
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.clock import Clock, let_pass

ACTIVITY = "/cau-hinh/hoat-dong/"
CHANGE = "/cau-hinh/mat-khau/"
PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
WRITES = ("INSERT", "UPDATE", "SAVEPOINT", "RELEASE")
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def key_of(client):
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def copy_of(client):
    """Make a browser that has stolen another's cookie."""
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = key_of(client)
    return thief


class KeyTests(cast.Cast, TestCase):
    """SE-02: whoever knew the key before knows nothing after."""

    def setUp(self):
        self.set_up_people()

    def assert_key_changes(self, act, probe):
        before, thief = key_of(self.client), copy_of(self.client)

        act()

        self.assertNotEqual(key_of(self.client), before)
        self.assertEqual(thief.get(probe).status_code, 302)
        self.assertEqual(self.client.get(probe).status_code, 200)

    def test_a_log_in_writes_its_session_once_together_with_the_record(self):
        with CaptureQueriesContext(connection) as asked:
            self.log_in()

        said = [query["sql"] for query in asked if query["sql"].startswith(WRITES)]
        row, record = (f'INSERT INTO "{it._meta.db_table}"' for it in (Session, AuditEvent))
        self.assertEqual([sql.startswith(row) for sql in said].count(True), 1)
        self.assertFalse([sql for sql in said if sql.startswith('UPDATE "accounts_session"')])
        at = next(n for n, sql in enumerate(said) if sql.startswith(row))
        self.assertTrue(said[at + 1].startswith(record), said[at + 1][:60])

    def change(self):
        new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        return self.client.post(CHANGE, new | {"password": PASSWORD})

    def test_at_the_log_in(self):
        self.ask("binh")  # the session of a visitor

        self.assert_key_changes(self.log_in, "/")

    def test_a_key_that_somebody_made_up_is_not_taken(self):
        self.client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32

        self.log_in()

        self.assertNotEqual(key_of(self.client), "a" * 32)

    def test_at_a_right_code(self):
        self.ask()

        self.assert_key_changes(lambda: self.guess(newest_code()), "/quen-mat-khau/mat-khau-moi/")

    def test_at_a_confirmed_phone(self):
        self.log_in()
        self.client.post(PHONE, {"phone": "0912345671"})

        self.assert_key_changes(
            lambda: self.client.post(f"{PHONE}xac-thuc/", {"code": newest_code()}), "/"
        )

    def test_at_a_new_password(self):
        self.log_in()

        self.assert_key_changes(self.change, "/")

    def test_at_a_new_password_long_after_the_log_in(self):
        self.log_in()
        let_pass(self, minutes=20)

        self.assert_key_changes(self.change, "/")


class ContentTests(cast.Cast, TestCase):
    """SE-03: the table opens nothing and names nothing."""

    def setUp(self):
        self.set_up_people()

    def rows(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM accounts_session")
            raw = str(cursor.fetchall())
        return raw + str([SessionStore().decode(row.session_data) for row in Session.objects.all()])

    def test_no_row_holds_a_key_a_number_a_password_or_a_code(self):
        secrets = ["87466981", "12345671", PASSWORD, NEW_PASSWORD]
        visitor = Client()
        self.log_in()
        self.client.post(PHONE, {"phone": "0912345671"})
        secrets.append(newest_code())
        self.ask("an", visitor)
        secrets.append(newest_code())
        kept = [self.rows()]
        self.guess(newest_code(), visitor)
        self.choose("weak", visitor)
        kept.append(self.rows())
        self.choose(client=visitor)
        kept.append(self.rows())
        secrets += [key_of(self.client), key_of(visitor)]

        for secret in secrets:
            for rows in kept:
                with self.subTest(secret=secret):
                    self.assertNotIn(secret, rows)

    def test_what_the_table_holds_is_no_key(self):
        self.log_in()
        thief = Client()

        thief.cookies[settings.SESSION_COOKIE_NAME] = Session.objects.get().pk

        self.assertRedirects(thief.get("/"), f"{LOGIN}?next=/")

    def test_the_cookie_is_kept_from_scripts_and_ends_with_the_browser(self):
        self.log_in()

        cookie = self.client.cookies[settings.SESSION_COOKIE_NAME]
        self.assertTrue(cookie["httponly"])
        self.assertEqual(cookie["samesite"], "Lax")
        self.assertEqual((cookie["expires"], cookie["max-age"]), ("", ""))

    def test_looking_at_a_page_does_not_undo_what_another_tab_stored(self):
        self.log_in()
        key = self.client.session.session_key
        Session.objects.update(seen_at=timezone.now() - dt.timedelta(minutes=2))
        looking, storing = SessionStore(key), SessionStore(key)
        looking.get("anything")
        storing["kept"] = "yes"
        storing.save()

        # What the middleware does at the end of a request.
        if looking.modified:
            looking.save()

        self.assertEqual(SessionStore(key).get("kept"), "yes")
        self.assertLess(timezone.now() - Session.objects.get().seen_at, dt.timedelta(minutes=1))


class EndTests(cast.Cast, TestCase):
    """SE-04: on the server, whatever the browser does."""

    def setUp(self):
        self.set_up_people()
        cast.make("it", is_staff=True)

    def log_in_at(self, name):
        self.clock = Clock(self, 2026, 3, 2, 8, 0)
        self.log_in(name)

    def test_it_ends_when_nobody_uses_it(self):
        for name, minutes in (("an", 30), ("it", 15)):
            with self.subTest(name=name):
                self.client = Client()
                self.log_in_at(name)
                self.clock.forward(minutes=minutes, seconds=-1)
                self.assertEqual(self.client.get("/").status_code, 200)

                self.clock.forward(minutes=minutes)

                self.assertRedirects(self.client.get("/"), f"{LOGIN}?next=/")

    def test_it_ends_however_much_it_is_used(self):
        for name, hours in (("an", 12), ("it", 8)):
            with self.subTest(name=name):
                self.client = Client()
                self.log_in_at(name)
                for _ in range(hours * 6 - 1):
                    self.clock.forward(minutes=10)
                    self.assertEqual(self.client.get("/cau-hinh/").status_code, 200)
                self.clock.forward(minutes=9, seconds=59)
                self.assertEqual(self.client.get("/").status_code, 200)

                self.clock.forward(seconds=1)

                self.assertRedirects(self.client.get("/"), f"{LOGIN}?next=/")

    def test_a_new_key_does_not_make_it_longer(self):
        self.log_in()
        began_at = Session.objects.get().created_at
        self.client.post(PHONE, {"phone": "0912345671"})
        self.client.post(f"{PHONE}xac-thuc/", {"code": newest_code()})

        row = Session.objects.get()

        self.assertEqual(row.created_at, began_at)
        self.assertLessEqual(row.expire_date, began_at + dt.timedelta(hours=12))

    def test_a_visitor_s_session_ends_too(self):
        self.clock = Clock(self, 2026, 3, 2, 8, 0)
        self.ask()
        self.clock.forward(minutes=30)

        self.assertRedirects(self.client.get(CODE), ASK, fetch_redirect_response=False)
        self.assertContains(self.client.get(ASK), "Hãy bắt đầu lại từ đây")


class OwnerTests(cast.Cast, TestCase):
    """SE-09: the person and the office can end sessions."""

    def setUp(self):
        self.set_up_people()
        self.phone = Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="10.1.2.3")
        for browser in (self.client, self.phone):
            self.log_in(client=browser)

    def assert_out(self, *browsers):
        for browser in browsers:
            self.assertRedirects(browser.get("/"), f"{LOGIN}?next=/")

    def test_the_page_lists_the_sessions_and_what_happened(self):
        self.log_in(password="Sai-mat-khau-8", client=Client(REMOTE_ADDR="10.9.9.9"))
        self.log_in("binh", client=Client(REMOTE_ADDR="10.7.7.7"))

        r = self.client.get(ACTIVITY)

        self.assertContains(r, "Firefox trên Windows")
        self.assertContains(r, "10.1.2.3")
        self.assertContains(r, "phiên này", count=1)
        self.assertContains(r, "Đăng nhập không thành công")
        self.assertContains(r, "10.9.9.9")
        self.assertNotContains(r, "10.7.7.7")

    def test_of_many_sessions_the_last_used_are_listed_and_this_one_first(self):
        now = timezone.now()
        for n in range(1, 50):
            Session.objects.create(
                pk=Session.name_of(f"s{n}"),
                account=self.an,
                session_data=SessionStore().encode({"client": f"10.5.5.{n}"}),
                created_at=now,
                seen_at=now + dt.timedelta(seconds=n),
                expire_date=now + dt.timedelta(hours=1),
            )

        r = self.client.get(ACTIVITY)

        listed = [session["ip"] for session in r.context["sessions"]]
        self.assertEqual(listed, ["127.0.0.1", *(f"10.5.5.{n}" for n in range(49, 0, -1))])
        self.assertContains(r, "Còn các phiên khác không nêu ở đây.")
        Session.objects.get(pk=Session.name_of("s1")).delete()
        self.assertNotContains(self.client.get(ACTIVITY), "Còn các phiên khác")

    def test_it_shows_resets_and_changes_of_the_phone_too(self):
        self.client.post(PHONE, {"phone": "0912345671"})
        self.client.post(f"{PHONE}xac-thuc/", {"code": newest_code()})
        self.ask("an", visitor := Client())
        self.guess(newest_code(), visitor)
        self.choose(client=visitor)
        self.log_in(password=NEW_PASSWORD)

        r = self.client.get(ACTIVITY)

        for sentence in (
            "Yêu cầu đổi số điện thoại",
            "Đổi số điện thoại",
            "Nhập đúng mã xác thực",
            "Lấy lại mật khẩu bằng tin nhắn",
            "Lấy lại mật khẩu ngay sau khi đổi số",
        ):
            self.assertContains(r, sentence)

    def test_a_browser_s_own_words_are_not_repeated(self):
        self.log_in(client=Client(headers={"user-agent": "<script>alert(1)</script>"}))

        self.assertNotContains(self.client.get(ACTIVITY), "alert(1)")

    def test_the_other_sessions_end_at_a_button(self):
        self.assertContains(self.client.get(ACTIVITY), "Đăng xuất các phiên khác")
        self.log_in("binh", client=(binh := Client()))

        r = self.client.post(ACTIVITY, follow=True)

        self.assertContains(r, "Đã đăng xuất các phiên khác.")
        self.assertEqual(len(r.context["sessions"]), 1)
        self.assert_out(self.phone)
        self.assertEqual(self.client.get("/").status_code, 200)
        self.assertEqual(binh.get("/").status_code, 200)
        self.assertTrue(AuditEvent.objects.filter(event="sessions-ended").exists())

    def test_a_session_ended_elsewhere_does_not_come_back(self):
        self.client.post(ACTIVITY)

        self.assert_out(self.phone, self.phone)
        self.assertEqual(Session.objects.filter(account=self.an).count(), 1)

    def test_a_new_password_ends_the_other_sessions(self):
        new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

        self.client.post(CHANGE, new | {"password": PASSWORD})

        self.assertEqual(Session.objects.filter(account=self.an).count(), 1)
        self.assert_out(self.phone)
        self.assertEqual(self.client.get("/").status_code, 200)

    def test_an_account_that_is_locked_is_out_at_once(self):
        lock(self.an, actor=self.binh)

        self.assert_out(self.client, self.phone)
        self.assertFalse(Session.objects.filter(account=self.an).exists())

    def test_an_account_that_is_disabled_is_out_at_once(self):
        self.an.is_active = False
        self.an.save()

        self.assert_out(self.client, self.phone)

    def test_an_account_whose_password_was_changed_beside_the_portal_is_out_at_once(self):
        self.an.set_password(NEW_PASSWORD)
        self.an.save()

        self.assert_out(self.client, self.phone)
