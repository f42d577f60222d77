"""The staff's door: the portal's own log-in, then a second factor, then the admin."""

import re

from django.test import Client, TestCase
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.credentials import second_factor
from accounts.models import Account, AuditEvent, Session
from tests.support import cast
from tests.support.cast import LOGIN, NEW_PASSWORD, PASSWORD
from tests.support.clock import Clock
from tests.support.forms import drawn_from

ADMIN = "/quan-tri/"
FACTOR = "/dang-nhap/yeu-to-thu-hai/"
ACCOUNTS = "/quan-tri/accounts/account/"
CHANGE = "/cau-hinh/mat-khau/"


class Staff(cast.Cast):
    """Huong is staff with every right, and has an app for the second factor."""

    def setUp(self):
        self.set_up_people()
        self.huong = cast.make_staff("huong")

    def token(self):
        return cast.token_of(self.huong)

    def show(self, token=None, client=None):
        return (client or self.client).post(FACTOR, {"token": token or self.token()})

    def come_in(self):
        super().come_in(self.huong)


class SecondFactorTests(Staff, TestCase):
    def test_the_way_in(self):
        r = self.client.get(ADMIN, follow=True)
        self.assertContains(r, "Tên đăng nhập")
        next_page = re.search(r'name="next" value="([^"]+)"', r.content.decode())[1]
        r = self.client.post(
            LOGIN, {"username": "huong", "password": PASSWORD, "next": next_page}, follow=True
        )
        self.assertEqual(r.redirect_chain[-1][0], f"{FACTOR}?next=%2Fquan-tri%2F")
        self.assertContains(r, "Xác thực hai lớp")

        r = self.client.post(FACTOR, {"token": self.token(), "next": r.context["next"]})

        self.assertRedirects(r, ADMIN)

    def test_the_password_alone_opens_no_staff_page(self):
        self.log_in("huong")

        for page in (ADMIN, ACCOUNTS, f"{ACCOUNTS}{self.an.pk}/change/", f"{ADMIN}jsi18n/"):
            with self.subTest(page=page):
                r = self.client.get(page, follow=True)

                self.assertEqual(r.redirect_chain[-1][0].split("?")[0], FACTOR)

    def test_staff_use_their_own_pages_without_it(self):
        self.log_in("huong")

        self.assertEqual(self.client.get("/").status_code, 200)

    def test_a_wrong_token_opens_nothing(self):
        self.log_in("huong")
        wrong = f"{(int(self.token()) + 1) % 10**6:06d}"

        r = self.show(wrong)

        self.assertContains(r, "Mã chưa đúng hoặc đã dùng.")
        self.assertNotContains(r, wrong)
        self.assertEqual(self.client.get(ADMIN).status_code, 302)

    def wrong(self):
        return f"{(int(self.token()) + 1) % 10**6:06d}"

    def test_a_right_token_during_the_wait_is_told_until_when(self):
        self.clock = Clock(self, 2026, 3, 2, 9, 30)
        self.log_in("huong")
        for wait in (1, 2, 4):
            self.show(self.wrong())
            self.clock.forward(seconds=wait)
        self.show(self.wrong())

        for _ in range(3):
            r = self.show()

        self.assertContains(r, "Hãy đợi đến 09:30:16")
        self.assertNotContains(r, "Mã chưa đúng")
        self.assertEqual(self.client.get(ADMIN).status_code, 302)
        held = AuditEvent.objects.filter(event="factor-wrong", reason="held")
        self.assertEqual(held.count(), 1)
        self.clock.to(2026, 3, 2, 9, 30, 16)
        self.assertEqual(self.show().url, ADMIN)

    def test_a_recovery_code_does_not_wait_for_the_app(self):
        Clock(self, 2026, 3, 2, 9, 30)
        [code, other, *_] = second_factor.make_recovery_codes(self.huong)
        self.log_in("huong")
        self.show(self.wrong())

        self.assertEqual(self.show(code).url, ADMIN)

        self.log_in("huong")
        self.show("khong-phai-ma")
        self.assertContains(self.show(other), "Hãy đợi đến 09:30:02")

    def test_what_is_no_token_is_answered(self):
        self.log_in("huong")

        for token in ("", "abc", "1" * 1000, "\x00", "đ"):
            with self.subTest(token=token[:10]):
                self.assertContains(self.client.post(FACTOR, {"token": token}), "Hãy")

    def test_a_token_works_once(self):
        token = self.token()
        self.log_in("huong")
        self.assertEqual(self.show(token).url, ADMIN)
        self.log_in("huong", client=(other := Client()))

        r = self.show(token, other)

        self.assertContains(r, "Mã chưa đúng hoặc đã dùng.")

    def test_a_token_may_be_typed_with_a_space(self):
        self.log_in("huong")
        token = self.token()

        self.assertEqual(self.show(f" {token[:3]} {token[3:]} ").url, ADMIN)

    def test_a_recovery_code_works_once(self):
        [code, *_] = second_factor.make_recovery_codes(self.huong)
        for status in (302, 200):
            browser = Client()
            self.log_in("huong", client=browser)

            self.assertEqual(self.show(code.upper(), browser).status_code, status)

    def test_the_token_of_somebody_else_opens_nothing(self):
        cast.make_staff("khoa")
        self.log_in("khoa")

        self.assertContains(self.show(), "Mã chưa đúng hoặc đã dùng.")

    def test_it_belongs_to_the_session(self):
        self.come_in()
        self.log_in("huong", client=(other := Client()))

        self.assertEqual(self.client.get(ADMIN).status_code, 200)
        self.assertEqual(other.get(ADMIN).status_code, 302)

    def test_it_changes_the_session_s_key(self):
        self.log_in("huong")
        thief = Client()
        thief.cookies["sessionid"] = self.client.cookies["sessionid"].value

        self.show()

        self.assertRedirects(thief.get("/"), f"{LOGIN}?next=/")

    def test_nobody_gets_to_it_without_a_log_in(self):
        for act in (self.client.get, self.client.post):
            self.assertRedirects(act(FACTOR), f"{LOGIN}?next={FACTOR}")

    def test_somebody_who_is_no_staff_gets_no_further(self):
        device = TOTPDevice.objects.create(user=self.an, name="app")
        self.log_in("an")
        token = f"{TOTP(device.bin_key).token():06d}"

        self.show(token)

        self.assertEqual(self.client.get(ADMIN, follow=True).redirect_chain[-1][0], "/")

    def test_somebody_who_is_staff_no_longer_is_out_at_once(self):
        self.come_in()

        Account.objects.filter(pk=self.huong.pk).update(is_staff=False)

        self.assertEqual(self.client.get(ADMIN).status_code, 302)

    def test_every_try_is_on_record(self):
        self.log_in("huong")
        self.show("000000" if self.token() != "000000" else "111111")

        event = AuditEvent.objects.get(event="factor-wrong")
        self.assertEqual((event.actor, event.ok), (self.huong, False))


class AdminDoorsTests(Staff, TestCase):
    """The admin has no log-in, no log-out and no password page of its own."""

    def test_its_log_in_leads_to_ours(self):
        r = self.client.get(f"{ADMIN}login/", {"next": ACCOUNTS})
        self.assertTrue(r.url.startswith(LOGIN))

        r = self.client.post(f"{ADMIN}login/", {"username": "huong", "password": PASSWORD})

        self.assertTrue(r.url.startswith(LOGIN))
        self.assertNotIn("sessionid", self.client.cookies)

    def test_its_log_out_is_ours(self):
        self.come_in()

        r = self.client.post(f"{ADMIN}logout/")

        self.assertRedirects(r, LOGIN)
        self.assertIn("Clear-Site-Data", r.headers)
        self.assertTrue(AuditEvent.objects.filter(event="logged-out").exists())

    def test_its_password_page_is_ours(self):
        self.come_in()
        data = {"old_password": PASSWORD}
        data |= {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

        for act in (self.client.get, self.client.post):
            r = act(f"{ADMIN}password_change/", data)

            self.assertRedirects(r, CHANGE)
        self.huong.refresh_from_db()
        self.assertTrue(self.huong.check_password(PASSWORD))


class AdminAccountTests(Staff, TestCase):
    """AD-08: staff never see or set a password, never see or change a number."""

    def setUp(self):
        super().setUp()
        self.come_in()
        self.page = f"{ACCOUNTS}{self.an.pk}/change/"

    def fields(self, **changed):
        own = {"full_name": "Lý Văn An", "kind": "person", "unit": "", "is_active": "on"}
        return own | cast.NO_ALIASES | changed | drawn_from(self.client, self.page)

    def test_there_is_no_password_form(self):
        self.assertNotContains(self.client.get(self.page), 'type="password"')
        self.assertNotContains(self.client.get(self.page), "argon2")
        for act in (self.client.get, self.client.post):
            r = act(
                f"{ACCOUNTS}{self.an.pk}/password/",
                {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
                follow=True,
            )
            self.assertNotContains(r, 'type="password"', status_code=r.status_code)
        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_the_number_is_masked_and_not_to_be_edited(self):
        for page in (ACCOUNTS, self.page):
            self.assertContains(self.client.get(page), "***981")
            self.assertNotContains(self.client.get(page), "466981")

        self.client.post(
            self.page,
            self.fields(
                phone="+84912345671",
                phone_masked="+84912345671",
                new_phone="+84912345671",
                password="x",
                is_staff="on",
                is_superuser="on",
                address="khac@hagiang.gov.vn",
                full_name="Lý An",
            ),
        )

        self.an.refresh_from_db()
        self.assertEqual(self.an.full_name, "Lý An")
        self.assertEqual((self.an.phone, self.an.new_phone), ("+84987466981", ""))
        self.assertEqual(self.an.address, "an@hagiang.gov.vn")
        self.assertFalse(self.an.is_staff or self.an.is_superuser)
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_a_number_cannot_be_searched_for(self):
        for query in ("987466981", "466981", "+84987466981"):
            r = self.client.get(ACCOUNTS, {"q": query})
            # All are listed: nothing was searched for.
            self.assertContains(r, "binh@hagiang.gov.vn")

    def test_no_column_can_be_asked_for_letter_by_letter(self):
        audit, units = f"{ADMIN}accounts/auditevent/", f"{ADMIN}accounts/unit/"
        for page, lookup in (
            (ACCOUNTS, "phone__startswith"),
            (ACCOUNTS, "new_phone"),
            (ACCOUNTS, "password__startswith"),
            (ACCOUNTS, "unit__account__password__startswith"),
            (ACCOUNTS, "session__session_key__startswith"),
            (audit, "account__phone__startswith"),
            (audit, "actor__password__startswith"),
            (units, "account__phone__startswith"),
        ):
            with self.subTest(page=page, lookup=lookup):
                self.assertEqual(self.client.get(page, {lookup: "+8498"}).status_code, 400)

    def test_the_filters_beside_the_list_work(self):
        for lookup, value in (
            ("kind__exact", "person"),
            ("has_default_password__exact", "1"),
            ("is_active__exact", "1"),
            ("unit", "none"),
        ):
            with self.subTest(lookup=lookup):
                r = self.client.get(ACCOUNTS, {lookup: value})

                self.assertContains(r, "em@hagiang.gov.vn")

    def test_locking_ends_the_sessions_at_once(self):
        self.log_in("an", client=(an := Client()))

        r = self.act_on("lock_chosen", self.an)

        self.assertContains(r, "1 trong số 1 tài khoản")
        self.assertRedirects(an.get("/"), f"{LOGIN}?next=/")
        self.assertContains(self.log_in("an", client=an), "chưa đúng")
        event = AuditEvent.objects.get(event="locked")
        self.assertEqual((event.account, event.actor), (self.an, self.huong))

    def test_unlocking_opens_again(self):
        self.act_on("unlock_chosen", self.chi)

        self.assertRedirects(
            self.log_in("chi", client=Client()), "/", fetch_redirect_response=False
        )

    def test_staff_are_not_locked_in_a_heap(self):
        self.act_on("lock_chosen", self.an, self.huong)

        self.huong.refresh_from_db()
        self.assertFalse(self.huong.is_locked)

    def test_disabling_ends_the_sessions_at_once(self):
        self.log_in("an", client=(an := Client()))
        fields = self.fields()
        del fields["is_active"]

        self.client.post(self.page, fields)

        self.assertFalse(Session.objects.filter(account=self.an).exists())
        self.assertRedirects(an.get("/"), f"{LOGIN}?next=/")
        event = AuditEvent.objects.get(event="account-edited")
        self.assertEqual(event.detail, {"fields": ["is_active"]})

    def test_the_audit_trail_can_only_be_read(self):
        event = AuditEvent.objects.first()
        page = f"{ADMIN}accounts/auditevent/"

        self.assertEqual(self.client.get(f"{page}{event.pk}/change/").status_code, 200)
        self.assertEqual(self.client.get(f"{page}add/").status_code, 403)
        self.assertEqual(self.client.post(f"{page}{event.pk}/change/", {}).status_code, 403)
        self.assertEqual(self.client.get(f"{page}{event.pk}/delete/").status_code, 403)

    def test_no_account_is_deleted_here(self):
        self.assertEqual(self.client.get(f"{ACCOUNTS}{self.an.pk}/delete/").status_code, 403)
