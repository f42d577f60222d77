"""Pages as a stranger first opens them are kept whole: never with anything of another visitor."""

import datetime as dt
import re
from unittest import mock

from django.db import OperationalError
from django.test import Client, TestCase
from django.utils import timezone

from accounts.access import login_notices, proof_of_work
from accounts.models import LoginNotice
from accounts.pages import fixed
from tests.support import cast
from tests.support.cast import ASK, LOGIN

PAGES = (
    LOGIN,
    f"{LOGIN}?next=/cau-hinh/",
    ASK,
    "/kich-hoat/",
    "/huong-dan/",
    "/huong-dan/cai-dat-thu/",
    "/quyen-rieng-tu/",
    "/kha-nang-tiep-can/",
)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([A-Za-z0-9]{64})"')
OWN = re.compile(r'(name="(?:csrfmiddlewaretoken|step)" value=")[^"]*')


class FirstLookTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        fixed.forget()
        self.addCleanup(fixed.forget)

    def look(self, page, client=None, **headers):
        return (client or Client()).get(page, **headers).content.decode()

    def test_a_kept_page_is_what_it_would_be_if_it_were_made_anew(self):
        for page in PAGES:
            with self.subTest(page):
                with mock.patch.object(fixed, "is_first_look", return_value=False):
                    anew = OWN.sub(r"\1", self.look(page))
                self.look(page)

                self.assertEqual(OWN.sub(r"\1", self.look(page)), anew)

    def test_it_asks_for_nobody(self):
        self.look(LOGIN)
        with mock.patch("django.contrib.auth.middleware.get_user") as asked:
            self.look(LOGIN)
        asked.assert_not_called()

    def test_without_the_database_it_is_said_as_on_any_page(self):
        for page, asked in (
            (LOGIN, (login_notices, "current")),
            (ASK, (proof_of_work, "was_needed_lately")),
        ):
            away = mock.patch.object(*asked, side_effect=OperationalError("gone"))
            with self.subTest(page), away as look:
                self.assertEqual(Client().get(page).status_code, 503)
                look.assert_called_once()

    def test_each_visitor_has_a_token_and_a_step_of_their_own_that_work(self):
        seen = set()
        for visitor in range(3):
            client = Client(enforce_csrf_checks=True)
            html = self.look(ASK, client)
            token, step = TOKEN.search(html)[1], re.search(r'name="step" value="([^"]+)"', html)[1]
            seen |= {token, step}
            sent = {"address": f"khong.co{visitor}", "csrfmiddlewaretoken": token, "step": step}
            self.assertEqual(client.post(ASK, sent).status_code, 302)
        self.assertEqual(len(seen), 6)

    def test_where_somebody_goes_next_is_theirs_and_is_text(self):
        first = self.look(f"{LOGIN}?next=/cau-hinh/")
        hostile = self.look(LOGIN + "?next=/%22%3E%3Cscript%3E")

        self.assertIn('name="next" value="/cau-hinh/"', first)
        self.assertIn('name="next" value="/&quot;&gt;&lt;script&gt;"', hostile)
        self.assertNotIn("/cau-hinh/", hostile)
        for page in (LOGIN, f"{LOGIN}?next=https://evil.example/", f"{LOGIN}?x=1"):
            self.assertNotIn('name="next"', self.look(page))

    def test_a_notice_is_there_from_its_time_on_and_gone_after_it(self):
        self.look(LOGIN)
        now = timezone.now()
        notice = LoginNotice.objects.create(
            text="Bảo trì lúc 22 giờ", shown_from=now, shown_until=now + dt.timedelta(hours=1)
        )
        login_notices.forget()
        self.addCleanup(login_notices.forget)
        self.assertIn(notice.text, self.look(LOGIN))

        LoginNotice.objects.update(text="Bảo trì lúc 23 giờ")
        login_notices.forget()

        self.assertIn("Bảo trì lúc 23 giờ", self.look(LOGIN))

    def test_who_has_a_session_gets_a_page_of_their_own(self):
        self.log_in("an")
        self.client.post("/dang-xuat/")
        self.assertIn("Bạn đã đăng xuất.", self.look(LOGIN, self.client))
        self.assertNotIn("Bạn đã đăng xuất.", self.look(LOGIN))

        self.log_in("an")
        inside = self.look("/huong-dan/", self.client)
        self.assertIn("an@hagiang.gov.vn", inside)
        self.assertNotIn("an@hagiang.gov.vn", self.look("/huong-dan/"))

    def test_it_is_as_little_stored_by_others_as_any_page(self):
        for page in PAGES[:3]:
            for _time in range(2):
                response = Client().get(page)
                self.assertEqual(response.headers["Cache-Control"], "no-store")
                self.assertIn("Cookie", response.headers["Vary"])
