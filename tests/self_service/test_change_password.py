"""A new password for somebody who is logged in, and the one policy at every door."""

from unittest import mock

from django.conf import settings
from django.contrib.auth import authenticate
from django.test import Client, TestCase, override_settings

from accounts.access import login
from accounts.models import Account, AuditEvent
from otp.models import Message
from tests.support import cast
from tests.support.cast import LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.clock import let_pass

CHANGE = "/cau-hinh/mat-khau/"


class ChangePasswordTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.log_in()

    def change(self, new=NEW_PASSWORD, *, current=PASSWORD, again=None):
        data = {"password": current, "new_password1": new, "new_password2": again or new}
        return self.client.post(CHANGE, data)

    def assert_unchanged(self):
        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_the_new_password_works_and_the_old_one_stops(self):
        r = self.change()

        self.assertRedirects(r, "/", fetch_redirect_response=False)
        self.assertContains(self.client.get("/"), "Đã đổi mật khẩu.")
        self.assertContains(self.log_in(client=Client()), "chưa đúng")
        self.assertRedirects(
            self.log_in(password=NEW_PASSWORD, client=Client()),
            "/",
            fetch_redirect_response=False,
        )

    def test_the_person_is_told_and_it_is_on_record(self):
        self.change()

        told = Message.objects.filter(code=None).order_by("-channel")
        self.assertEqual([each.to for each in told], ["+84987466981", "an@hagiang.gov.vn"])
        event = AuditEvent.objects.get(event="password-changed")
        self.assertEqual((event.account, event.actor), (self.an, self.an))

    def test_somebody_without_a_phone_is_told_by_mail(self):
        self.log_in("binh", client=(binh := Client()))
        data = {"password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

        binh.post(CHANGE, data)

        self.assertEqual([each.to for each in Message.objects.all()], ["binh@hagiang.gov.vn"])

    def test_the_current_password_is_asked_for_however_fresh(self):
        for current, sentence in (
            ("", "Hãy nhập mật khẩu hiện tại."),
            ("Sai-mat-khau-8", "Mật khẩu hiện tại chưa đúng. Hãy nhập lại."),
        ):
            with self.subTest(current=current):
                r = self.change(current=current)

                self.assertContains(r, sentence)
                self.assertNotContains(r, NEW_PASSWORD)
        self.assert_unchanged()

    def test_none_is_called_wrong_of_who_went_before_it_was_compared(self):
        for name, go in (
            ("an", lambda found: found.update(is_active=False)),
            ("binh", lambda found: found.delete()),
        ):
            with self.subTest(name):
                self.client = Client()
                self.log_in(name)

                def compare(request, username, password, go=go):
                    go(Account.objects.filter(address=username))
                    return authenticate(request, username=username, password=password)

                with mock.patch.object(login, "authenticate", compare):
                    self.assertRedirects(self.change(), CHANGE, fetch_redirect_response=False)
                self.assertRedirects(self.client.get(CHANGE), f"{LOGIN}?next={CHANGE}")

    def test_a_click_that_another_overtakes_before_the_comparison_leads_home_too(self):
        second = Client()
        second.cookies = self.client.cookies.copy()

        def compare(request, **typed):
            with mock.patch.object(login, "authenticate", authenticate):
                self.assertRedirects(self.change(), "/", fetch_redirect_response=False)
            return authenticate(request, **typed)

        with mock.patch.object(login, "authenticate", compare):
            data = {"password": PASSWORD, "new_password1": NEW_PASSWORD}
            r = second.post(CHANGE, data | {"new_password2": NEW_PASSWORD})

        self.assertRedirects(r, "/", fetch_redirect_response=False)
        self.assertEqual(second.get("/").status_code, 200)
        self.assertEqual(AuditEvent.objects.filter(event="password-changed").count(), 1)

    def test_wrong_ones_are_counted_as_at_the_log_in(self):
        for _ in range(10):
            self.change(current="Sai-mat-khau-8")

        self.assertContains(self.change(), "Đã nhập sai nhiều lần. Hãy thử lại sau")
        name = settings.KNOWN_BROWSER_COOKIE_NAME
        same_browser = Client()
        same_browser.cookies[name] = self.client.cookies[name].value
        self.assertContains(self.log_in(client=same_browser), "Đã nhập sai nhiều lần.")
        self.assert_unchanged()
        let_pass(self, minutes=15, seconds=1)
        self.assertRedirects(self.change(), "/", fetch_redirect_response=False)

    def test_two_different_ones_are_refused(self):
        self.assertContains(self.change(again=PASSWORD), "Hai mật khẩu chưa giống nhau.")
        self.assert_unchanged()

    def test_the_same_one_again_is_refused(self):
        self.assertContains(self.change(PASSWORD), "Mật khẩu mới phải khác mật khẩu hiện tại.")
        self.assertFalse(Message.objects.exists())

    def test_nobody_gets_there_without_a_log_in(self):
        self.client.logout()

        self.assertRedirects(self.change(), f"{LOGIN}?next={CHANGE}")
        self.assert_unchanged()


class PolicyAtEveryDoorTests(cast.Cast, TestCase):
    """PW-01 to PW-08: the same rules, in the same words, wherever a password is set."""

    REFUSED = (
        ("", "Hãy nhập mật khẩu mới."),
        ("xK9$mQ2", "Cần ít nhất 8 ký tự"),
        ("xk9$mq2v", "Cần ít nhất 1 chữ in hoa"),
        ("XK9$MQ2V", "Cần ít nhất 1 chữ thường"),
        ("xKz$mQwv", "Cần ít nhất 1 chữ số"),
        ("xK9zmQ2v", "Cần ít nhất 1 ký tự đặc biệt"),
        ("xK9$mQ2vữ", "hãy tắt bộ gõ tiếng Việt"),
        ("xK9$mQ2v\x00", "ký tự không nhìn thấy được"),
        ("xK9$mQ2v\u200b", "ký tự không nhìn thấy được"),
        ("xK9$mQ2v" * 16 + "x", "Mật khẩu dài quá 128 ký tự"),
        ("xK9$mQ2v" * 2000, "Mật khẩu dài quá 128 ký tự"),
        ("Hagiang@2021", "từ quen thuộc của địa phương (hagiang)"),
        ("H@giang2021!", "từ quen thuộc của địa phương"),
        ("2025Tuyenquang!", "từ quen thuộc của địa phương"),
        ("Tuy3nQu@ng1!", "từ quen thuộc của địa phương"),
        ("M@tkh4u123!", "từ quen thuộc của địa phương"),
        ("Ubnd@2024", "từ quen thuộc của địa phương"),
        ("P@ssw0rd1!", "dễ bị đoán"),
        ("Abc@12345", "dãy phím liền nhau hoặc lặp lại"),
        ("Lyvanan@1990", "tên, địa chỉ thư hoặc đơn vị của bạn"),
        ("Xa-466981-Yen", "Mật khẩu chứa số điện thoại của bạn"),
    )
    ACCEPTED = ("Toi-song-o-Ha-Giang-98!", "xK9$mQ2v", "xK9$mQ2v" * 8, "xK9$mQ2v" * 16)

    def setUp(self):
        self.set_up_people()

    def doors(self):
        """Open each door for An, and give what sets a password there."""
        visitor, owner = Client(), Client()
        self.ask("an", visitor)
        self.guess(newest_code(), visitor)
        self.log_in(client=owner)
        yield "reset", lambda new: visitor.post(NEW, {"new_password1": new, "new_password2": new})
        yield (
            "change",
            lambda new: owner.post(
                CHANGE, {"password": PASSWORD, "new_password1": new, "new_password2": new}
            ),
        )

    @override_settings(RATELIMIT_ENABLE=False)
    def test_a_bad_password_is_refused_everywhere_in_the_same_words(self):
        for door, choose in self.doors():
            for password, sentence in self.REFUSED:
                with self.subTest(door=door, password=password[:20]):
                    self.assertContains(choose(password), sentence)
        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_a_good_password_is_taken_everywhere_and_whole(self):
        for password in self.ACCEPTED:
            for door in ("reset", "change"):
                with self.subTest(door=door, password=password[:20]):
                    self.set_password_back()

                    self.assertEqual(dict(self.doors())[door](password).status_code, 302)

                    self.assertEqual(self.log_in(password=password).url, "/")

    def set_password_back(self):
        let_pass(self, days=2)
        self.client = Client()
        self.an.set_password(PASSWORD)
        self.an.save()

    def test_no_letter_is_cut_off(self):
        password = "xK9$mQ2v" * 16
        self.an.set_password(password)
        self.an.save()

        r = self.log_in(password=f"{password[:99]}?{password[100:]}")

        self.assertContains(r, "chưa đúng")
        self.assertContains(self.log_in(password=password[:72]), "chưa đúng")
        self.assertContains(self.log_in(password=f"{password}x"), "chưa đúng")
        self.assertRedirects(self.log_in(password=password), "/")

    def test_staff_need_twelve(self):
        now = self.an.phone_confirmed_at
        it = cast.make("it", is_staff=True, phone="+84912000777", phone_confirmed_at=now)
        self.ask("it")
        self.guess(newest_code())
        self.log_in("it", client=(owner := Client()))
        data = {"password": PASSWORD, "new_password1": "xK9$mQ2v", "new_password2": "xK9$mQ2v"}

        for r in (self.choose("xK9$mQ2v"), owner.post(CHANGE, data)):
            self.assertContains(r, "Tài khoản quản trị, hỗ trợ cần mật khẩu ít nhất 12 ký tự")

        self.assertRedirects(self.choose("xK9$mQ2vxK9$"), LOGIN)
        it.refresh_from_db()
        self.assertTrue(it.check_password("xK9$mQ2vxK9$"))

    def test_the_rules_stand_there_before_anything_is_typed(self):
        self.ask()
        self.guess(newest_code())
        self.log_in(client=(owner := Client()))

        for r in (self.client.get(NEW), owner.get(CHANGE)):
            for rule in ("8 ký tự", "1 chữ in hoa", "1 chữ thường", "1 chữ số", "ký tự đặc biệt"):
                self.assertContains(r, rule)
            self.assertContains(r, "hãy tắt bộ gõ tiếng Việt")
            self.assertContains(r, 'autocomplete="new-password"', count=2)
            self.assertNotContains(r, "maxlength")
