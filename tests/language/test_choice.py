"""The choice of the language: a link on every page, a cookie, and nothing else decides."""

import datetime as dt

from django.http import HttpResponse
from django.test import Client, RequestFactory, TestCase, override_settings
from django.urls import get_resolver
from django.utils import timezone, translation

from accounts.access.mail_policy_views import ADDRESS
from accounts.pages import fixed
from mailportal import errors, language
from mailportal.language import COOKIE
from mailportal.middleware import LONGEST_WAIT
from tests.house.test_house_rules import SOME_UUID, patterns
from tests.support import cast
from tests.support.cast import ASK, LOGIN

TO_ENGLISH = '<a class="footer__link" href="?ngon-ngu=en" lang="en" hreflang="en">English</a>'
TO_VIETNAMESE = '<a class="footer__link" href="?ngon-ngu=vi" lang="vi" hreflang="vi">Tiếng Việt</a>'
FOR_PROGRAMS = ("/api/", "/sms/", "/sso/", ADDRESS)  # whose answers are no pages
PUBLIC = (
    *(LOGIN, ASK, "/kich-hoat/", "/huong-dan/", "/huong-dan/lay-lai-mat-khau/"),
    *("/quyen-rieng-tu/", "/kha-nang-tiep-can/"),
)
NO_PAGES = ("/khong-co/", "/metrics", "/static/khong-co.css")


class ChoiceTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def choose(self, page, code="en", **headers):
        sign = "&" if "?" in page else "?"
        return self.client.get(f"{page}{sign}ngon-ngu={code}", headers=headers)

    def test_every_page_leads_to_itself_in_the_other_language(self):
        for page in (*PUBLIC, *NO_PAGES):
            with self.subTest(page):
                status = 404 if page in NO_PAGES else 200
                self.assertContains(Client().get(page), TO_ENGLISH, status_code=status)

                self.assertRedirects(self.choose(page), page, target_status_code=status)

                self.assertContains(self.client.get(page), TO_VIETNAMESE, status_code=status)

    def test_so_does_the_administration(self):
        self.come_in(cast.make_staff("it"))
        self.assertContains(self.client.get("/quan-tri/"), 'href="?ngon-ngu=en" lang="en"')
        self.choose("/quan-tri/accounts/account/")

        r = self.client.get("/quan-tri/accounts/account/")

        self.assertContains(r, 'href="?ngon-ngu=vi" lang="vi"')
        self.assertContains(r, '<html lang="en"')
        self.assertContains(r, "Log out")

    def test_a_page_says_its_language(self):
        for code, words in (("en", "Log in"), ("vi", "Đăng nhập")):
            self.choose(LOGIN, code)

            r = self.client.get(LOGIN)

            self.assertContains(r, f'<html lang="{code}">')
            self.assertContains(r, f"<h1>{words}</h1>")
            self.assertEqual(r.headers["Content-Language"], code)
            self.assertIn("Cookie", r.headers["Vary"])

    def test_nothing_but_the_choice_decides(self):
        for page in (*PUBLIC, *NO_PAGES):
            r = self.client.get(page, headers={"accept-language": "en-GB,en;q=0.9"})
            with self.subTest(page):
                self.assertContains(r, '<html lang="vi">', status_code=r.status_code)

    def test_the_cookie_names_the_language_alone_and_is_kept_from_scripts(self):
        cookie = self.choose(LOGIN).cookies[COOKIE]

        kept = [cookie[name] for name in ("httponly", "samesite", "path", "max-age")]
        self.assertEqual(cookie.value, "en")
        self.assertEqual(kept, [True, "Lax", "/", language.KEPT])

    @override_settings(SESSION_COOKIE_SECURE=True)
    def test_it_is_sent_over_tls_alone_where_there_is_tls(self):
        self.assertTrue(self.choose(LOGIN).cookies[COOKIE]["secure"])

    def test_to_choose_vietnamese_is_to_have_no_cookie(self):
        self.choose(LOGIN)

        r = self.choose(LOGIN, "vi")

        self.assertEqual((r.cookies[COOKIE].value, r.cookies[COOKIE]["max-age"]), ("", 0))

    def test_what_a_page_asks_for_is_kept(self):
        r = self.choose(f"{LOGIN}?next=%2Fcau-hinh%2F")

        self.assertEqual(r.headers["Location"], f"{LOGIN}?next=%2Fcau-hinh%2F")

    def test_so_is_what_only_the_page_before_knows(self):
        before = f"https://testserver{LOGIN}?next=%2Fcau-hinh%2F&ngon-ngu=vi"

        r = self.choose(LOGIN, referer=before)

        self.assertEqual(r.headers["Location"], f"{LOGIN}?next=%2Fcau-hinh%2F")

    def test_nothing_of_another_page_is(self):
        for before in ("https://evil.vn/?next=1", "https://testserver/?next=1", "https://["):
            with self.subTest(before):
                self.assertEqual(self.choose(LOGIN, referer=before).headers["Location"], LOGIN)

    def test_it_leads_to_no_other_site(self):
        for path in ("//evil.vn/", "///evil.vn", "/%5Cevil.vn/", "//evil.vn/%2e%2e", "/\\evil.vn"):
            r = self.client.get("/", query_params={"ngon-ngu": "en"}, PATH_INFO=path)
            with self.subTest(path):
                self.assertEqual(r.status_code, 302)
                self.assertRegex(r.headers["Location"], r"^/(?![/\\])")

    def test_a_form_with_an_error_leads_to_its_page(self):
        r = self.client.post(ASK, {"address": ""})
        self.assertContains(r, TO_ENGLISH)

        r = self.client.get(f"{ASK}?ngon-ngu=en", follow=True)

        self.assertContains(r, "Enter your official e-mail address")

    def test_a_language_that_there_is_not_is_no_choice(self):
        for code in ("de", "", "en%0d%0a", "../en"):
            with self.subTest(code):
                self.assertNotIn(COOKIE, self.choose(LOGIN, code).cookies)
        self.client.cookies[COOKIE] = "de"
        self.assertContains(self.client.get(LOGIN), '<html lang="vi">')

    def test_nothing_is_chosen_by_what_is_sent(self):
        r = self.client.post(f"{LOGIN}?ngon-ngu=en", {"username": "an", "password": "x"})

        self.assertEqual(r.status_code, 200)
        self.assertNotIn(COOKIE, r.cookies)

    def test_programs_keep_their_queries_and_their_language(self):
        self.client.cookies[COOKIE] = "en"

        r = self.client.get("/api/v1/accounts?ngon-ngu=en")

        self.assertNotIn("Content-Language", r.headers)
        self.assertEqual(r.json()["title"], "Không có")


class ButtonTests(cast.Cast, TestCase):
    """An error page may be the answer at an address that takes only what a button sends."""

    def setUp(self):
        self.set_up_people()

    def test_the_link_leads_to_the_page_of_the_button(self):
        self.log_in()
        button = "/cau-hinh/hoat-dong/nhan-tin/"
        r = self.client.post(button, {"x": "x" * 1_000_000})
        self.assertContains(r, TO_ENGLISH, status_code=413)

        r = self.client.get(
            f"{button}?ngon-ngu=en", headers={"referer": f"https://testserver{button}"}, follow=True
        )

        self.assertEqual(r.redirect_chain, [("/cau-hinh/hoat-dong/", 302)])
        self.assertContains(r, '<html lang="en">')

    def test_that_is_the_nearest_above_it(self):
        for button, page in (
            ("/cau-hinh/hoat-dong/thiet-bi/7/bo/", "/cau-hinh/hoat-dong/"),
            ("/cau-hinh/du-lieu/tep/", "/cau-hinh/du-lieu/"),
            (f"/quan-tri/phieu-kich-hoat/{SOME_UUID}/huy/", "/quan-tri/phieu-kich-hoat/"),
            ("/quan-tri/chuong-trinh/webhook/7/thu/", "/quan-tri/chuong-trinh/webhook/7/"),
            ("/ho-tro/tai-khoan/7/doi-chieu/nhan-tin/", "/ho-tro/tai-khoan/7/doi-chieu/"),
        ):
            with self.subTest(button):
                r = self.client.get(f"{button}?next=//evil.vn/&ngon-ngu=en")

                self.assertEqual(r.headers["Location"], page)
                self.assertEqual(r.cookies[COOKIE].value, "en")

    def test_no_address_of_a_button_is_left_out(self):
        self.come_in(cast.make_staff("it"))
        buttons = []
        for _, path, _ in patterns(get_resolver()):
            if path.startswith(FOR_PROGRAMS) or self.client.get(path).status_code != 405:
                continue
            buttons.append(path)
            with self.subTest(path):
                r = self.client.get(f"{path}?ngon-ngu=en", follow=True)

                self.assertNotEqual(r.redirect_chain[0][0], path)
                self.assertNotEqual(r.status_code, 405)
        self.assertGreater(len(buttons), 10)


class KeptTests(cast.Cast, TestCase):
    """What is drawn once and kept is kept for each language."""

    def setUp(self):
        self.set_up_people()
        fixed.forget()
        self.addCleanup(fixed.forget)
        self.english = Client()
        self.english.cookies[COOKIE] = "en"

    def test_pages_and_their_parts(self):
        for page in PUBLIC:
            for _ in range(2):
                with self.subTest(page):
                    self.assertContains(Client().get(page), '<html lang="vi">')
                    self.assertContains(self.english.get(page), '<html lang="en">')
                    self.assertContains(Client().get(page), "Cần giúp đỡ?")
                    self.assertContains(self.english.get(page), "Do you need help?")

    def test_the_page_of_a_short_wait(self):
        request, until = RequestFactory().get(LOGIN), timezone.now() + dt.timedelta(minutes=3)
        for _ in range(2):
            for code, words in (("vi", "Hãy chờ một lát"), ("en", "Please wait a moment")):
                with translation.override(code):
                    r = errors.too_many_requests(request, until)

                self.assertContains(r, words, status_code=429)

    def test_the_page_for_those_who_waited_too_long_even_where_monitors_ask(self):
        for page in (LOGIN, "/metrics", "/healthz"):
            with self.subTest(page):
                r = self.english.get(page, **{"mailportal.waited": LONGEST_WAIT + 1})

                self.assertContains(r, '<html lang="en">', status_code=503)
                self.assertEqual(r.headers["Content-Language"], "en")

    def test_the_language_of_a_page_is_not_that_of_the_next(self):
        self.english.get(LOGIN)

        self.assertEqual(translation.get_language(), "vi")
        self.assertContains(self.client.get(LOGIN), '<html lang="vi">')

    def test_nor_is_that_of_an_answer_that_never_came_to_its_end(self):
        request = RequestFactory().get(LOGIN, headers={"Cookie": f"{COOKIE}=en"})
        self.addCleanup(translation.deactivate)
        language.LanguageMiddleware(lambda _: HttpResponse())(request)

        self.assertContains(Client().get(LOGIN), TO_ENGLISH)

    def test_dates_numbers_and_spans_are_english(self):
        self.english.post(LOGIN, {"username": "an", "password": cast.PASSWORD})

        r = self.english.get("/cau-hinh/hoat-dong/")

        self.assertRegex(r.content.decode(), r"\d\d:\d\d, \d{1,2} [A-Z][a-z]{2} \d{4}")
        self.assertContains(self.english.get(ASK), "5 minutes apart")
