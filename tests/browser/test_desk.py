"""The hotline's five commonest calls, answered in a browser: by keyboard, without JavaScript."""

from django.utils import timezone

from accounts.models import Account, AuditEvent, PhoneProposal, Unit
from otp.codes.words import words_of
from otp.models import Code, Message
from tests.support import cast, inspection
from tests.support.browser import NARROW, WIDE, BrowserTestCase, check
from tests.support.clock import go_on_to_noon, let_pass


class DeskTestCase(BrowserTestCase):
    java_script = False

    def setUp(self):
        go_on_to_noon(self)
        super().setUp()
        self.mai = cast.make_staff("mai", "hotline")
        self.enter(self.mai)

    def enter(self, staff, then="/ho-tro/"):
        self.log_in_in_browser(staff.address)
        self.go("/ho-tro/")
        self.fill("Mã xác thực hoặc mã dự phòng", cast.token_of(staff))
        self.press("Xác thực")
        self.is_at(then)

    def look_up(self, words):
        self.go("/ho-tro/")
        field = self.page.get_by_label("Địa chỉ thư, họ tên hoặc số cuối điện thoại")
        check(field).to_be_focused()
        self.page.keyboard.type(words)
        check(field).to_have_value(words)
        self.page.keyboard.press("Enter")
        self.sees_somebody()

    def sees_somebody(self):
        self.page.get_by_role("heading", name="Đọc cho người gọi").wait_for()

    def hears(self, sentence):
        self.page.get_by_text(sentence).first.wait_for()

    def act(self, title, *, then=""):
        self.follow(title)
        self.heading(title)
        self.fill("Lý do", "đã đối chiếu họ tên và đơn vị")
        self.fill("Số phiếu", "P-0017")
        self.fill("Vì sao không đối chiếu người gọi", "quen giọng")
        self.press(title)
        if then:
            self.heading(then)
        else:
            self.sees_somebody()


class LongNameTests(DeskTestCase):
    def test_a_long_unit_makes_no_page_wider_than_the_screen(self):
        above = Unit.objects.create(name="ỦybannhândântỉnhHàGiang" * 8)
        unit = Unit.objects.create(name="TrungtâmCôngnghệthôngtin" * 8, parent=above)
        Account.objects.filter(pk=self.an.pk).update(unit=unit, full_name="NguyễnThịAn" * 13)
        for width in (NARROW, WIDE):
            self.page.set_viewport_size({"width": width, "height": 740})
            with self.subTest(width=width):
                self.look_up("an")

                self.assertEqual(self.page.evaluate("document.scrollingElement.scrollWidth"), width)


class FiveCallsTests(DeskTestCase):
    def test_i_got_no_code(self):
        self.ask("an", client=self.client)
        Message.objects.update(state="rejected", reason="21614", gateway="twilio", to="", text="")

        self.look_up("lý văn an")

        self.hears("nhà mạng từ chối (21614)")
        self.hears("Vừa yêu cầu mã, chưa đủ 5 phút")

    def test_somebody_used_up_my_codes(self):
        for _ in range(2):
            self.client.cookies.clear()
            self.ask("an", client=self.client)
            let_pass(self, minutes=6)

        self.look_up("an@hagiang.gov.vn")
        self.hears("Đã dùng hết 2 mã trong ngày")
        self.act("Cấp thêm một mã hôm nay", then="Từ để đọc cho người gọi")
        self.hears("Đã cấp thêm một mã hôm nay.")
        self.follow("Đã đọc xong")

        self.hears("Người gọi yêu cầu được mã này bằng từ đã đọc")

    def test_it_says_closed(self):
        for _ in range(2):
            Code.objects.all().delete()
            self.ask("an", client=self.client)
            for _ in range(5):
                self.guess(cast.wrong_code(), self.client)
        Code.objects.all().delete()

        self.look_up("6981")
        self.hears("đang đóng đến")
        self.act("Mở lại việc lấy lại mật khẩu")

        self.hears("có thể yêu cầu mã ngay bây giờ")

    def test_i_cannot_log_in(self):
        self.look_up("chi")
        self.hears("Tài khoản đang bị khóa")
        self.act("Mở khóa tài khoản")

        self.hears("Tài khoản bình thường")
        self.assertFalse(Account.objects.get(pk=self.chi.pk).is_locked)
        self.assertEqual(AuditEvent.objects.get(event="unlocked").actor, self.mai)

    def test_i_lost_my_telephone_and_my_password(self):
        lan = cast.make_staff("lan", "province-it")
        proposal = PhoneProposal.objects.create(
            account=self.an,
            phone="+84912345671",
            phone_masked="***671",
            evidence="đã gặp trực tiếp tại đơn vị",
            ticket="CV-12",
            proposed_by=lan,
        )
        self.go("/ho-tro/")
        self.follow("1 đề nghị đang chờ duyệt")
        self.follow("an@hagiang.gov.vn")
        self.heading("Duyệt đổi số điện thoại")
        self.hears("đã gặp trực tiếp tại đơn vị")
        self.press("Duyệt")

        self.hears("Đã duyệt: số mới có hiệu lực ngay")
        proposal.refresh_from_db()
        self.assertEqual(proposal.decided_by, self.mai)
        self.assertEqual(Account.objects.get(pk=self.an.pk).phone, "+84912345671")


class LookTests(DeskTestCase):
    """Every page of the desk, as people with any eyes, hands and screens meet it."""

    java_script = True
    maxDiff = None

    def inspect(self, heading):
        self.heading(heading)
        self.assertEqual("\n".join(inspection.faults(self.page)), "")

    def test_finding(self):
        for n in range(3):
            cast.make(f"nguyen.thi.hoa.phong.to.chuc{n}", full_name="Nguyễn Thị Hoà")
        self.go("/ho-tro/")
        self.inspect("Hỗ trợ người dùng")
        self.press("Tìm")
        self.hears("Hãy nhập địa chỉ, họ tên")
        self.inspect("Hỗ trợ người dùng")
        self.fill("Địa chỉ thư, họ tên hoặc số cuối điện thoại", "nguyen")
        self.press("Tìm")
        self.hears("Tìm thấy 3 người.")
        self.inspect("Hỗ trợ người dùng")

    def test_a_person_with_a_full_day(self):
        self.ask("an", client=self.client)
        Message.objects.update(state="rejected", reason="21614", gateway="twilio", to="", text="")
        let_pass(self, minutes=6)
        self.ask("an", client=self.client)
        Account.objects.filter(pk=self.an.pk).update(phone_changed_at=timezone.now())

        self.look_up("an@hagiang.gov.vn")

        self.inspect("Lý Văn An")

    def test_nobody(self):
        self.go("/ho-tro/")
        self.fill("Địa chỉ thư, họ tên hoặc số cuối điện thoại", "khong.co@hagiang.gov.vn")
        self.press("Tìm")
        self.page.get_by_role("link", name="Xem tình trạng của địa chỉ").click()

        self.inspect("khong.co@hagiang.gov.vn")

    def test_the_next_caller_is_a_key_away(self):
        self.go(f"/ho-tro/tai-khoan/{self.an.pk}/")
        self.inspect("Lý Văn An")

        self.page.keyboard.press("/")
        self.page.keyboard.type("binh@hagiang.gov.vn")
        self.page.keyboard.press("Enter")

        self.hears("binh@hagiang.gov.vn")

    def test_a_call_is_answered_from_one_screen_and_the_keyboard(self):
        for minutes in (0, 6):
            let_pass(self, minutes=minutes)
            self.client.cookies.clear()
            self.ask("an", client=self.client)
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.go(f"/ho-tro/tai-khoan/{self.an.pk}/")
        for part in (".caller", ".answer", ".fates", "[data-key=k]", "[data-find]"):
            box = self.page.locator(part).first.bounding_box()
            self.assertLessEqual(box["y"] + box["height"], 800, part)

        self.page.keyboard.press("?")
        check(self.page.locator("#keys")).to_be_focused()
        self.page.evaluate("document.activeElement.blur()")
        self.inspect("Lý Văn An")
        self.page.keyboard.press("Escape")
        check(self.page.locator("#keys")).to_be_hidden()
        self.press("Chép câu ghi phiếu")
        self.hears("Đã chép câu ghi phiếu.")
        self.page.keyboard.press("k")

        self.heading("Khóa tài khoản")

    def test_an_action_and_its_errors(self):
        self.go(f"/ho-tro/tai-khoan/{self.an.pk}/khoa/")
        self.inspect("Khóa tài khoản")
        self.press("Khóa tài khoản")
        self.hears("Hãy ghi lý do.")

        self.inspect("Khóa tài khoản")

    def test_a_caller_who_reads_words_back(self):
        self.go(f"/ho-tro/tai-khoan/{self.an.pk}/")
        self.press("Nhắn từ đối chiếu người gọi")
        self.inspect("Đối chiếu người gọi")
        self.fill("Từ người gọi đọc lại", "núi xanh")
        self.press("Đối chiếu")
        self.hears("Có lỗi cần sửa")
        self.inspect("Đối chiếu người gọi")
        code = Code.objects.get(purpose="caller")
        self.fill("Từ người gọi đọc lại", words_of(code.pk, code.pepper_id).lower())
        self.press("Đối chiếu")

        self.hears("đã đối chiếu đúng người gọi")
        self.inspect("Lý Văn An")

    def test_a_whole_number_for_a_minute(self):
        self.go(f"/ho-tro/tai-khoan/{self.an.pk}/hien-so/")
        self.inspect("Hiện đủ số điện thoại")
        self.fill("Lý do", "gọi lại")
        self.fill("Số phiếu", "P-1")
        self.press("Hiện số")
        self.hears("0987466981")

        self.inspect("Số điện thoại")

    def test_proposals(self):
        lan = cast.make_staff("lan", "province-it")
        self.context.clear_cookies()
        self.enter(lan)
        self.go(f"/ho-tro/tai-khoan/{self.an.pk}/de-nghi-doi-so/")
        self.inspect("Đề nghị đổi số điện thoại")
        self.fill("Số điện thoại mới", "0219 3501 038")
        self.press("Gửi đề nghị")
        self.hears("Có lỗi cần sửa")
        self.inspect("Đề nghị đổi số điện thoại")
        self.fill("Số điện thoại mới", "0912 345 671")
        self.fill("Căn cứ", "đã gặp trực tiếp")
        self.fill("Số phiếu", "CV-12")
        self.press("Gửi đề nghị")
        self.heading("Lý Văn An")
        self.inspect("Lý Văn An")
        self.go("/ho-tro/doi-so/")
        self.inspect("Đề nghị chờ duyệt")
        self.follow("an@hagiang.gov.vn")
        self.inspect("Duyệt đổi số điện thoại")

    def test_the_second_factor_of_a_newcomer(self):
        cast.make("moi", is_staff=True)
        self.context.clear_cookies()
        self.log_in_in_browser("moi")
        self.go("/ho-tro/")
        self.inspect("Cài đặt xác thực hai lớp")
        self.press("Xác thực")
        self.hears("Hãy nhập mã trong ứng dụng xác thực.")
        self.inspect("Cài đặt xác thực hai lớp")

    def test_recovery_codes(self):
        self.go("/cau-hinh/xac-thuc-hai-lop/")
        self.inspect("Xác thực hai lớp")
        self.press("Tạo mã dự phòng mới")
        self.inspect("Mã dự phòng")
