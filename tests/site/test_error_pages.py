"""The pages for what goes wrong: what happened, whether anything is lost, what to do now."""

import re
import sys
from html import unescape

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client, SimpleTestCase, TestCase, TransactionTestCase, override_settings
from django.urls import path
from django.utils.module_loading import import_string

from accounts.models import Passkey
from mailportal import urls
from otp.models import Code, Message
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN
from tests.support.programs.ports import free_port

SECURITY_HEADERS = (
    "Content-Security-Policy",
    "Permissions-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Cross-Origin-Embedder-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
    "Cache-Control",
    "X-Robots-Tag",
)
HOTLINE = "0219.350 1038 (7h30–17h00, thứ Hai – thứ Sáu)"

# By heading: what of it is lost, and what to do.
SENTENCES = {
    "Chưa hiểu yêu cầu này": ("Không có gì bị thay đổi.", "Hãy mở lại trang chủ"),
    "Bạn chưa được mở trang này": ("Không có gì bị thay đổi.", "hãy liên hệ nơi quản lý"),
    "Trang đã mở quá lâu": ("không mất lượt gửi mã nào", "Hãy mở lại trang chủ"),
    "Không tìm thấy trang này": ("Không có gì bị mất.", "Hãy xem lại địa chỉ"),
    "Nội dung gửi lên quá lớn": ("Không có gì bị thay đổi.", "Hãy mở lại trang và nhập lại."),
    "Hãy chờ một lát": ("không có gì bị thay đổi", "Hãy thử lại sau"),
    "Hệ thống đang gặp sự cố": ("Việc vừa làm có thể chưa xong.", "Hãy chờ vài phút"),
    "Hệ thống đang tạm nghỉ": ("có thể đã xong hoặc chưa xong", "Hãy chờ vài phút rồi thử lại."),
}
SENT = ("Lần gửi này không thay đổi gì.", "Hãy mở lại danh sách")
UNWANTED = ("không hợp lệ", "lỗi", "error", "exception", "http", "traceback", "django")


def fail(request):
    raise RuntimeError("zqcanary")


def answer(request):
    return HttpResponse("fine")


urlpatterns = [*urls.urlpatterns, path("fail/", fail), path("answer/", answer)]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


class ErrorPages(cast.Cast):
    """A mixin: what all these pages have in common."""

    def setUp(self):
        self.set_up_people()
        self.client = Client(raise_request_exception=False)

    def assert_error_page(self, r, status, heading, *, sent=False):
        lost, advice = SENT if sent else SENTENCES[heading]
        self.assertEqual(r.status_code, status)
        page = r.content.decode()
        self.assertIn(f"<h1>{heading}</h1>", page)
        self.assertRegex(page, rf"<title>{heading} - ")
        words = self.words(page)
        self.assertIn(lost, words)
        self.assertIn(advice, words)
        self.assertIn(HOTLINE, words)
        for unwanted in (str(status), *UNWANTED):
            self.assertNotIn(unwanted, words.lower())
        self.assertNotIn("zqcanary", page)
        self.assert_same_headers(r)

    def words(self, page):
        """Give the words of the page's own part, as a person reads them."""
        part = page[page.index("<main") : page.index("</main>")]
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", "", part)))

    def assert_same_headers(self, r):
        good = Client().get("/huong-dan/", headers={"host": "testserver"})
        for name in SECURITY_HEADERS:
            self.assertEqual(r.headers.get(name), good.headers[name], name)


class ErrorPageTests(ErrorPages, TestCase):
    def test_an_unknown_host(self):
        for host in ("evil.vn", "testserver.evil.vn", "evil.vn:80", "[::1", "a b", "testserver@x"):
            with self.subTest(host):
                r = self.client.get(LOGIN, headers={"host": host})

                self.assert_error_page(r, 400, "Chưa hiểu yêu cầu này")
                self.assertNotContains(r, "evil", status_code=400)

    @override_settings(SECURE_SSL_REDIRECT=True)
    def test_an_unknown_host_where_all_is_redirected(self):
        r = self.client.get(LOGIN, headers={"host": "evil.vn"})

        self.assert_error_page(r, 400, "Chưa hiểu yêu cầu này")

    def test_more_fields_than_any_form_has(self):
        r = self.client.post(LOGIN, {f"f{n}": "x" for n in range(51)})

        self.assert_error_page(r, 400, "Chưa hiểu yêu cầu này")

    def test_staff_without_the_right(self):
        self.come_in(cast.make_staff("hotline", "hotline"))

        r = self.client.get("/quan-tri/accounts/account/")

        self.assert_error_page(r, 403, "Bạn chưa được mở trang này")

    def test_a_form_without_its_token(self):
        client = Client(enforce_csrf_checks=True)

        r = client.post(ASK, {"address": "an"})

        self.assert_error_page(r, 403, "Trang đã mở quá lâu")

    def test_a_page_that_is_not_there(self):
        for url in (
            "/khong-co/",
            "/static/khong-co.css",
            "/demo/",
            "/.git/",
        ):
            with self.subTest(url):
                r = self.client.get(url)

                self.assert_error_page(r, 404, "Không tìm thấy trang này")

    def test_another_persons_page(self):
        self.log_in()

        r = self.client.get("/cau-hinh/thong-tin/binh@hagiang.gov.vn/")

        self.assert_error_page(r, 404, "Không tìm thấy trang này")

    def test_a_button_about_what_is_no_longer_there(self):
        self.log_in()
        passkey = Passkey.objects.create(
            user=self.an, name="x", credential_id=b"x", public_key=b"x"
        )
        page = f"/cau-hinh/xac-thuc-hai-lop/passkey/{passkey.pk}/bo/"
        passkey.delete()

        r = self.client.post(page, {"password": cast.PASSWORD})

        self.assert_error_page(r, 404, "Không tìm thấy trang này", sent=True)

    def test_a_method_that_a_page_does_not_take(self):
        for method in ("PUT", "TRACE", "DELETE"):
            with self.subTest(method):
                r = self.client.generic(method, LOGIN)

                self.assert_error_page(r, 405, "Chưa hiểu yêu cầu này")
                self.assertEqual(r.headers["Allow"], "GET, HEAD, POST")

    def test_a_megabyte(self):
        for url in (LOGIN, ASK, "/khong-co/", "/quan-tri/"):
            with self.subTest(url):
                r = self.client.post(url, {"username": "x" * 1_000_000})

                self.assert_error_page(r, 413, "Nội dung gửi lên quá lớn")

    def test_a_body_just_small_enough(self):
        r = self.client.generic(
            "POST",
            LOGIN,
            b"username=" + b"x" * (64 * 1024 - 9),
            "application/x-www-form-urlencoded",
        )

        self.assertEqual(r.status_code, 200)

    def test_too_many_requests(self):
        for _ in range(20):
            self.client.post(ASK, {"address": "?"})

        r = self.client.post(ASK, {"address": "an"})

        self.assert_error_page(r, 429, "Hãy chờ một lát")
        self.assertLessEqual(int(r.headers["Retry-After"]), 600)
        self.assertGreater(int(r.headers["Retry-After"]), 590)
        self.assertIn("10 phút", self.words(r.content.decode()))
        self.assertEqual(Code.objects.count(), 0)

    @override_settings(ROOT_URLCONF="tests.site.test_error_pages")
    def test_a_view_that_fails(self):
        self.log_in()
        with self.assertLogs("django.request", "ERROR"):
            r = self.client.get("/fail/?x=zqcanary")

        self.assert_error_page(r, 500, "Hệ thống đang gặp sự cố")
        self.assertNotContains(r, "an@hagiang.gov.vn", status_code=500)

    @override_settings(HASH_QUEUE=0.01)
    def test_too_many_passwords_at_once(self):
        places = sys.modules[import_string(settings.PASSWORD_HASHERS[0]).__module__]._places
        for _ in range(settings.HASHES_AT_ONCE):
            self.assertTrue(places.acquire(blocking=False))
            self.addCleanup(places.release)

        r = self.log_in()

        self.assert_error_page(r, 503, "Hệ thống đang tạm nghỉ")
        self.assertEqual(r.headers["Retry-After"], "30")
        self.assertNotIn("_auth_user_id", self.client.session)


class WordTests(SimpleTestCase):
    def test_no_page_and_no_sentence_of_ours_has_the_unwanted_words(self):
        folders = ("templates", "accounts", "otp", "mailportal")
        for folder in folders:
            for file in (settings.BASE_DIR / folder).rglob("*.*"):
                if file.suffix in (".html", ".py", ".txt"):
                    words = file.read_text(encoding="utf-8").lower()
                    self.assertNotRegex(words, r"không hợp lệ|lỗi \d", file)


class AwayTests(ErrorPages, TransactionTestCase):
    """What the portal stands on is away: nothing is sent, and the pages stay polite."""

    def take_the_database_away(self):
        at = connection.settings_dict
        before = {name: at[name] for name in ("HOST", "PORT")}
        at.update({"HOST": "127.0.0.1", "PORT": free_port()})
        connection.close()
        self.addCleanup(at.update, before)
        return lambda: at.update(before)

    def test_no_database(self):
        bring_back = self.take_the_database_away()

        answers = [
            self.client.get(LOGIN),
            self.client.post(ASK, {"address": "an"}),
            self.client.post(ASK, {"address": "khong.co"}),
            self.log_in(),
            self.client.get("/"),
        ]

        for r in answers[1:4]:
            self.assert_error_page(r, 503, "Hệ thống đang tạm nghỉ")
            self.assertEqual(r.headers["Retry-After"], "30")
        self.assertLess(answers[0].status_code, 504)
        bring_back()
        self.assertEqual((Code.objects.count(), Message.objects.count()), (0, 0))

    def test_no_database_for_somebody_who_is_logged_in(self):
        self.log_in()
        self.take_the_database_away()

        for url in ("/", "/cau-hinh/", "/cau-hinh/hoat-dong/", ASK):
            with self.subTest(url), self.assertLogs("django.request", "ERROR"):
                r = self.client.get(url)

                self.assert_error_page(r, 503, "Hệ thống đang tạm nghỉ")

    def test_words_need_no_database(self):
        self.take_the_database_away()

        for url in ("/huong-dan/", "/quyen-rieng-tu/", "/healthz", "/robots.txt"):
            with self.subTest(url):
                self.assertEqual(self.client.get(url).status_code, 200)

    def test_monitors_are_told(self):
        self.take_the_database_away()

        r = self.client.get("/readyz")

        self.assertEqual((r.status_code, r.json()), (503, {"database": False}))

    def test_the_code_goes_on_once_the_database_is_back(self):
        self.ask()
        digits = cast.newest_code()
        bring_back = self.take_the_database_away()
        self.guess(digits)
        bring_back()

        r = self.guess(digits)

        self.assertEqual(r.url, "/quen-mat-khau/mat-khau-moi/")

    @override_settings(SMS_FILE="/nonexistent/sms.jsonl")
    def test_no_gateway(self):
        pages = {}
        for address in ("an", "khong.co"):
            client = Client()
            self.assertEqual(self.ask(address, client).url, CODE)
            call_command("deliver_messages", "--once")
            pages[address] = self.without_what_differs(client.get(CODE), address)

        self.assertEqual(pages["an"], pages["khong.co"])
        message = Message.objects.get(to=self.an.phone)
        self.assertEqual((message.state, message.reason), ("queued", "file-unwritable"))
        self.assertFalse(message.code.voided)

    def without_what_differs(self, r, address):
        """Leave out the name that was typed, the digits shown, the times and the tokens."""
        page = r.content.decode().replace(f"{address}@", "@")
        page = re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+|\d\d:\d\d", "TIME", page)
        return re.sub(r'value="[\w-]{36,}"|\b\d{6}\b', "", page)
