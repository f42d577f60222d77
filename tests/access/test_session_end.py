"""The end of a session: told before it comes, and nothing that was typed is lost by it."""

import json
import re

from django.forms import PasswordInput
from django.test import Client, SimpleTestCase, TestCase
from django.utils import timezone

from accounts.access import drafts
from accounts.access.sessions import SessionStore
from accounts.models import Account, AuditEvent, Session, Unit
from accounts.pages.forms import CodeInput, PortalForm
from tests.support import cast
from tests.support.cast import FACTOR, LOGIN, PASSWORD
from tests.support.clock import Clock, let_pass

PHONE = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
TYPED = "0912 345 671"
TOLD = "nội dung vừa nhập chưa được gửi"


class DraftTestCase(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def log_in_at(self, page, name="an"):
        return self.client.post(f"{LOGIN}?next={page}", {"username": name, "password": PASSWORD})


class LostNothingTests(DraftTestCase):
    """SE-04: what is sent after the end comes back, to the same person."""

    def send_too_late(self, **data):
        self.log_in()
        let_pass(self, minutes=31)
        return self.client.post(PHONE, {"phone": TYPED, "password": PASSWORD} | data)

    def test_it_stands_in_the_form_again_and_the_reason_is_told(self):
        r = self.send_too_late()
        self.assertRedirects(r, f"{LOGIN}?next={PHONE}", fetch_redirect_response=False)
        self.assertContains(self.client.get(r.url), TOLD)

        r = self.client.get(self.log_in_at(PHONE).url)

        self.assertContains(r, f'value="{TYPED}"')
        self.assertContains(r, "Nội dung bạn đã nhập trước khi phiên kết thúc")
        self.assertNotContains(r, PASSWORD)
        self.assertNotContains(self.client.get(PHONE), TYPED)

    def test_it_comes_back_at_the_end_of_the_day_too(self):
        self.clock = Clock(self, 2026, 3, 2, 8, 0)
        self.log_in()
        for _ in range(12 * 6 - 1):
            self.clock.forward(minutes=10)
            self.client.get("/cau-hinh/")
        self.clock.forward(minutes=11)

        self.client.post(PHONE, {"phone": TYPED})

        self.assertContains(self.client.get(self.log_in_at(PHONE).url), TYPED)

    def test_nobody_else_gets_it(self):
        self.send_too_late()

        self.log_in_at(PHONE, "binh")

        for page in (PHONE, PHONE.replace("an@", "binh@"), "/cau-hinh/du-lieu/"):
            self.assertNotIn(TYPED, self.client.get(page).content.decode(errors="replace"))
        self.client.post("/dang-xuat/")
        self.assertNotContains(self.client.get(self.log_in_at(PHONE).url), TYPED)

    def test_it_is_kept_for_half_an_hour(self):
        self.send_too_late()
        let_pass(self, minutes=31)

        self.assertNotContains(self.client.get(self.log_in_at(PHONE).url), TYPED)

    def test_neither_the_table_nor_an_address_nor_the_log_holds_it(self):
        with self.assertNoLogs(level="DEBUG"):
            r = self.send_too_late()
            self.client.get(r.url)

        kept = json.dumps([SessionStore().decode(s.session_data) for s in Session.objects.all()])
        for sink in (kept, r.url, str(AuditEvent.objects.values_list())):
            for part in (TYPED, "345 671", "345671", "345%20671", "345+671"):
                self.assertNotIn(part, sink)
        self.assertIn("drafts", kept)

    def test_two_tabs_both_come_back(self):
        self.send_too_late()
        wish = "/cau-hinh/du-lieu/yeu-cau/"
        self.client.post(wish, {"text": "Sửa họ tên thành Lý Văn Án"})

        self.assertContains(self.client.get(self.log_in_at(PHONE).url), TYPED)
        self.assertContains(self.client.get(wish), "Lý Văn Án")

    def test_a_session_that_somebody_ended_brings_nothing_back(self):
        self.log_in()
        self.an.end_sessions()

        self.client.post(PHONE, {"phone": TYPED})

        self.assertNotContains(self.client.get(self.log_in_at(PHONE).url), TYPED)

    def test_a_form_of_a_visitor_and_a_form_too_long_are_not_kept(self):
        for data, client in (({"phone": TYPED}, Client()), ({"phone": "9" * 20_000}, self.client)):
            if client is self.client:
                self.log_in()
                let_pass(self, minutes=31)
            r = client.post(PHONE, data, follow=True)
            self.assertNotContains(r, TOLD)


class TwoTabsTests(DraftTestCase):
    """The second tab still has a page of the session that ended, and sends it after all that."""

    def setUp(self):
        super().setUp()
        self.browser = Client(enforce_csrf_checks=True)

    def log_in_at(self, page, name="an"):
        data = {"username": name, "password": PASSWORD}
        return self.browser.post(f"{LOGIN}?next={page}", data | self.token_at(LOGIN))

    def token_at(self, page):
        drawn = self.browser.get(page).content.decode()
        return {"csrfmiddlewaretoken": re.search(r'csrfmiddlewaretoken" value="(\w+)', drawn)[1]}

    def send_after_the_log_in(self, name):
        self.log_in_at(PHONE)
        token = self.token_at(PHONE)
        let_pass(self, minutes=31)
        self.browser.get(PHONE)
        self.log_in_at("/", name)
        return self.browser.post(PHONE, {"phone": TYPED, "password": PASSWORD} | token)

    def test_it_comes_back_after_the_log_in_in_the_first(self):
        r = self.send_after_the_log_in("an")

        self.assertRedirects(r, PHONE, fetch_redirect_response=False)
        r = self.browser.get(PHONE)
        self.assertContains(r, f'value="{TYPED}"')
        self.assertNotContains(r, PASSWORD)

    def test_another_who_logged_in_there_does_not_get_it(self):
        r = self.send_after_the_log_in("binh")

        self.assertContains(r, "Trang đã mở quá lâu", status_code=403)
        for page in (PHONE, PHONE.replace("an@", "binh@")):
            self.assertNotIn(TYPED, self.browser.get(page).content.decode(errors="replace"))

    def test_a_form_that_was_not_drawn_for_the_person_is_not_kept(self):
        self.log_in_at(PHONE)
        for token in ("x" * 64, "x" * 32, "", "ỗ" * 64):
            r = self.browser.post(PHONE, {"phone": TYPED, "csrfmiddlewaretoken": token})

            self.assertEqual(r.status_code, 403)
            self.assertNotContains(self.browser.get(PHONE), TYPED)

    def test_it_comes_back_where_the_first_only_asks_for_the_log_in(self):
        self.log_in_at(PHONE)
        token = self.token_at(PHONE)
        let_pass(self, minutes=31)
        self.browser.get("/cau-hinh/", follow=True)

        self.browser.post(PHONE, {"phone": TYPED} | token)

        self.assertContains(self.browser.get(self.log_in_at(PHONE).url), TYPED)


class StaffTests(DraftTestCase):
    def setUp(self):
        super().setUp()
        self.mai = cast.make_staff("mai", "hotline")
        self.it = cast.make_staff("it")

    def come_in_again(self, staff, page):
        self.log_in_at(page, staff.address)
        self.client.get(page)
        r = self.client.post(f"{FACTOR}?next={page}", {"token": cast.token_of(staff)})
        return self.client.get(r.url)

    def test_the_ground_for_an_action_comes_back_after_the_second_factor(self):
        page = f"/ho-tro/tai-khoan/{self.an.pk}/khoa/"
        self.come_in(self.mai)
        let_pass(self, minutes=16)
        self.client.post(page, {"why": "máy đã mất ở chợ", "ticket": "P-77"})

        r = self.come_in_again(self.mai, page)

        self.assertContains(r, "máy đã mất ở chợ")
        self.assertContains(r, 'value="P-77"')
        self.assertFalse(Account.objects.get(pk=self.an.pk).is_locked)

    def test_what_changed_meanwhile_is_told_when_it_is_sent_again(self):
        page = f"/ho-tro/tai-khoan/{self.an.pk}/ket-thuc-phien/"
        self.come_in(self.mai)
        drawn_from = self.client.get(page).context["form"].fields["drawn_from"].widget.value
        let_pass(self, minutes=16)
        sent = {"why": "máy đã mất", "ticket": "P-77", "drawn_from": drawn_from}
        self.client.post(page, sent)
        Account.objects.filter(pk=self.an.pk).update(locked_at=timezone.now())

        form = self.come_in_again(self.mai, page).context["form"]
        sent["drawn_from"] = form.fields["drawn_from"].widget.value

        self.assertContains(self.client.post(page, sent), "Từ khi bạn mở trang này, tài khoản")

    def test_a_page_of_the_administration_comes_back(self):
        unit = Unit.objects.create(name="Sở Nội vụ", code="snv")
        page = f"/quan-tri/accounts/unit/{unit.pk}/change/"
        self.come_in(self.it)
        let_pass(self, minutes=16)
        self.client.post(page, {"name": "Sở Nội vụ và Dân tộc", "code": "snvdt", "parent": ""})

        r = self.come_in_again(self.it, page)

        self.assertContains(r, 'value="Sở Nội vụ và Dân tộc"')
        self.assertContains(r, 'value="snvdt"')

    def test_what_is_sent_before_the_second_factor_comes_back_too(self):
        page = f"/ho-tro/tai-khoan/{self.an.pk}/khoa/"
        self.log_in_at(page, "mai")

        self.client.post(page, {"why": "máy đã mất ở chợ", "ticket": "P-77"})

        r = self.client.post(f"{FACTOR}?next={page}", {"token": cast.token_of(self.mai)})
        self.assertContains(self.client.get(r.url), "máy đã mất ở chợ")


class ToldBeforeTests(DraftTestCase):
    def test_a_page_says_when_the_session_ends(self):
        self.clock = Clock(self, 2026, 3, 2, 8, 0)
        self.log_in()
        self.clock.forward(minutes=5)

        r = self.client.get("/cau-hinh/")

        self.assertContains(r, "08:35")
        self.assertContains(r, "nếu không thao tác")
        self.assertContains(r, 'data-minutes="30"')
        self.assertContains(r, 'data-warned-before="120"')
        self.assertNotContains(Client().get(LOGIN), "data-session")

    def test_on_the_last_stretch_it_says_that_it_cannot_go_on(self):
        self.clock = Clock(self, 2026, 3, 2, 8, 0)
        self.log_in()
        for _ in range(12 * 3 - 1):
            self.clock.forward(minutes=20)
            r = self.client.get("/cau-hinh/")

        self.assertContains(r, "20:00")
        self.assertNotContains(r, "nếu không thao tác")
        self.assertNotContains(r, "data-session-stay")

    def test_one_button_makes_it_go_on(self):
        self.clock = Clock(self, 2026, 3, 2, 8, 0)
        self.log_in()
        self.clock.forward(minutes=29)

        r = self.client.get("/dang-nhap/o-lai/")

        self.assertEqual(r.json(), {"left": 30 * 60})
        self.clock.forward(minutes=29)
        self.assertEqual(self.client.get("/").status_code, 200)


class SecretTests(SimpleTestCase):
    def test_no_field_for_a_password_or_a_code_is_ever_kept(self):
        for form in _all_below(PortalForm):
            for name, field in form.base_fields.items():
                hidden = isinstance(field.widget, CodeInput | PasswordInput)
                with self.subTest(form=form.__name__, field=name):
                    self.assertEqual(drafts.is_secret(name), hidden or name in ("word", "token"))


def _all_below(form):
    for each in form.__subclasses__():
        yield each
        yield from _all_below(each)
