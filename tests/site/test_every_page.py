"""What is the same on every page: the help beside it, and the language."""

from django.test import Client, TestCase

from tests.support import cast
from tests.support.cast import ASK, LOGIN

PUBLIC = (LOGIN, ASK, "/huong-dan/", "/quyen-rieng-tu/", "/kha-nang-tiep-can/", "/khong-co/")
OWN = (
    "/",
    "/cau-hinh/",
    "/cau-hinh/thong-tin/",
    "/cau-hinh/thong-tin/an@hagiang.gov.vn/",
    "/cau-hinh/mat-khau/",
    "/cau-hinh/hoat-dong/",
    "/cau-hinh/du-lieu/",
    "/cau-hinh/du-lieu/yeu-cau/",
)


class HelpTests(cast.Cast, TestCase):
    def pages(self):
        self.set_up_people()
        self.log_in()
        for browser, addresses in ((Client(), PUBLIC), (self.client, OWN)):
            for address in addresses:
                yield address, browser.get(address).content.decode()

    def test_it_is_between_the_page_and_its_foot(self):
        for address, page in self.pages():
            with self.subTest(address):
                self.assertEqual(page.count('<aside class="help"'), 1)
                order = [page.index(part) for part in ("</main>", '<aside class="help"', "<footer")]
                self.assertEqual(order, sorted(order))

    def test_it_says_whom_to_call_and_what_to_have_at_hand(self):
        for address, page in self.pages():
            part = page[page.index('<aside class="help"') : page.index("</aside>")]
            with self.subTest(address):
                for words in (
                    '<p class="help__number">0219.350 1038</p>',
                    "7h30–17h00",
                    'href="tel:+842193501038"',
                    "Khi gọi, hãy chuẩn bị",
                ):
                    self.assertIn(words, part)


class LanguageTests(TestCase):
    def test_pages_are_vietnamese_whatever_a_browser_asks_for(self):
        for address in PUBLIC:
            with self.subTest(address):
                r = self.client.get(address, headers={"accept-language": "en"})

                self.assertContains(r, '<html lang="vi">', status_code=r.status_code)
