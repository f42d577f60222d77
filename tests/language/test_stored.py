"""What is stored or sent is Vietnamese, whatever language whoever caused it has chosen."""

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.test import Client, TestCase, override_settings
from django.utils import translation

from accounts.hotline.views import MANY_LOOKUPS
from accounts.models import AuditEvent, Device, Unit
from mailportal.language import COOKIE
from otp.models import Brakes, Message
from tests.language import catalogue
from tests.language.test_catalogue import PLACES, WRITTEN
from tests.support import cast
from tests.support.cast import FACTOR, LOGIN, NEW_PASSWORD, PASSWORD
from tests.support.forms import Page

FIREFOX = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/130.0"
WHY = {"reason": "Theo công văn", "ticket": "CV-1", "why": "Theo công văn", "unchecked": "Đã gặp"}


def english():
    """Give the parts of all translations by which they are recognised."""
    for entry in catalogue.read(WRITTEN):
        for form in entry.forms:
            part = max(PLACES.split(form), key=len).strip()
            if len(part) > 9 and " " in part and part not in entry.parts["msgid"]:
                yield part


def stored():
    """Give every text in the tables, under the name of its column."""
    for model in apps.get_models():
        label = model._meta.label
        if label.startswith(("sessions.", "accounts.Session", "auth.", "procrastinate.")):
            continue
        for row in model._base_manager.values():
            for name, value in row.items():
                if value and not isinstance(value, bool | int | float):
                    yield f"{label}.{name}", str(value)


@override_settings(ALERT_EMAILS=["canhbao@hagiang.gov.vn"])
class StoredTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.log_in("an")  # from another browser
        self.client = Client(headers={"user-agent": FIREFOX})
        self.client.cookies[COOKIE] = "en"

    def come_in(self, staff, client=None):
        self.client.cookies.clear()
        self.client.cookies[COOKIE] = "en"
        self.client.post(LOGIN, {"username": staff.address, "password": PASSWORD})
        return self.client.post(FACTOR, {"token": cast.token_of(staff)})

    def assert_vietnamese(self, *columns):
        """No table holds English, and the columns named hold something."""
        found = list(stored())
        for column in columns:
            self.assertIn(column, dict(found))
        whole = "\n".join(f"{column}: {text}" for column, text in found)
        left = [part for part in english() if part in whole]
        self.assertEqual(left, [])

    def fill_in(self, page, **typed):
        """Open a page, fill in what there is of `typed`, and send it."""
        r = self.client.post(page, Page(self.client, page).fields | typed)
        self.assertEqual(r.status_code, 302, r.content.decode())

    def test_of_civil_servants(self):
        self.ask()
        self.guess(cast.newest_code())
        self.choose()
        self.client.post(LOGIN, {"username": "an", "password": NEW_PASSWORD})
        self.fill_in(
            "/cau-hinh/mat-khau/",
            password=NEW_PASSWORD,
            new_password1="Con-trau-ngoai-dong-3",
            new_password2="Con-trau-ngoai-dong-3",
        )
        self.client.post("/cau-hinh/du-lieu/yeu-cau/", {"kind": "correct", "text": "Sai họ tên"})

        self.assertTrue(Device.objects.filter(browser="Firefox trên Windows").exists())
        self.assertTrue(Message.objects.filter(subject="Đăng nhập từ thiết bị mới").exists())
        self.assert_vietnamese("otp.Message.text", "accounts.AuditEvent.event")
        mail = Message.objects.get(subject="Đã nhận yêu cầu về dữ liệu cá nhân")
        self.assertRegex(mail.text, r"ngày \d\d/\d\d/\d{4}")
        self.assertIn("sửa dữ liệu chưa đúng", mail.text)
        self.assertIn("Phòng kỹ thuật nghiệp vụ", mail.text)

    def test_of_staff(self):
        self.come_in(cast.make_staff("it"))
        person = f"/ho-tro/tai-khoan/{self.an.pk}"

        self.client.get("/ho-tro/", {"q": "an"})
        self.client.post(f"{person}/khoa/", WHY)
        proposed = {"phone": "0912345678", "evidence": "Đã gặp", **WHY}
        self.client.post(f"{person}/de-nghi-doi-so/", proposed)
        for _ in range(MANY_LOOKUPS.count + 1):
            self.client.post("/ho-tro/", {"words": "khong.co"})

        self.assertTrue(AuditEvent.objects.filter(account=self.an, event="locked").exists())
        subjects = " ".join(Message.objects.values_list("subject", flat=True))
        self.assertIn("Cổng mật khẩu thư công vụ cần xem: Tài khoản toàn quyền", subjects)
        self.assertIn("đã tra cứu hơn", subjects)
        self.assert_vietnamese("otp.Message.subject", "accounts.AuditEvent.event")

    def test_of_the_administration(self):
        self.come_in(cast.make_staff("it"))
        unit = Unit.objects.create(name="Sở Y tế")
        self.fill_in(f"/quan-tri/accounts/unit/{unit.pk}/change/", name="Sở Y tế tỉnh")
        self.fill_in("/quan-tri/otp/brakes/1/change/", codes_an_hour="400")
        demands = "/quan-tri/accounts/factordemand/add/"
        self.fill_in(demands, unit=str(unit.pk), from_day="31/12/2099")

        names = set(LogEntry.objects.values_list("object_repr", flat=True))
        self.assertEqual(Brakes.objects.get().codes_an_hour, 400)
        self.assertIn("Giới hạn gửi mã", names)
        self.assert_vietnamese("admin.LogEntry.object_repr", "admin.LogEntry.change_message")

    def test_rights_and_roles_keep_their_names(self):
        with translation.override("en"):
            call_command("migrate", verbosity=0)

        self.assert_vietnamese()

    def test_the_search_finds_english(self):
        self.assertIn("The account has been locked.", set(english()))
