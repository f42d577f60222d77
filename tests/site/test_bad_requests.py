"""Requests that no form of ours sends: odd bodies, methods, paths and orders of steps."""

from django.test import Client, TestCase, override_settings

from otp.models import Code, Message
from tests.support import cast, hostile
from tests.support.cast import ASK, CODE, LOGIN, NEW, PASSWORD, newest_code

FORM = "application/x-www-form-urlencoded"
FORMS = (LOGIN, ASK, CODE, NEW, "/dang-nhap/yeu-to-thu-hai/", "/cau-hinh/mat-khau/")
PUBLIC = (LOGIN, ASK, CODE, NEW, "/dang-xuat/", "/huong-dan/", "/quyen-rieng-tu/")
PRIVATE = (
    "/",
    "/cau-hinh/",
    "/cau-hinh/thong-tin/",
    "/cau-hinh/thong-tin/an@hagiang.gov.vn/",
    "/cau-hinh/thong-tin/an@hagiang.gov.vn/xac-thuc/",
    "/cau-hinh/mat-khau/",
    "/cau-hinh/hoat-dong/",
    "/dang-nhap/yeu-to-thu-hai/",
)
MACHINES = ("/healthz", "/readyz", "/robots.txt", "/.well-known/security.txt")
UNREADABLE = "Chưa hiểu yêu cầu này"


def multipart(*parts, boundary="XX"):
    lines = [f"--{boundary}\r\nContent-Disposition: form-data; {part}\r\n" for part in parts]
    return ("".join(lines) + f"--{boundary}--\r\n").encode()


@override_settings(RATELIMIT_ENABLE=False)
class BadRequestTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.client = Client(raise_request_exception=False)

    def send(self, body, *, kind=FORM, url=LOGIN, **headers):
        return self.client.generic("POST", url, body, content_type=kind, headers=headers)

    def assert_no_fault(self, r):
        self.assertLess(r.status_code, 500)
        if r.status_code == 200:
            self.assertContains(r, "<h1>")

    def assert_nothing_began(self):
        self.assertEqual((Code.objects.count(), Message.objects.count()), (0, 0))
        self.assertNotIn("_auth_user_id", self.client.session)


class BodyTests(BadRequestTests):
    def test_bytes_that_are_no_utf8(self):
        for value in (b"%FF%FE", b"%C0%80", b"%ED%A0%80", b"%F5%80%80%80", b"\xff\xfe\x00", b"%"):
            for url, field in ((LOGIN, b"username"), (LOGIN, b"password"), (ASK, b"address")):
                with self.subTest(value=value, field=field):
                    r = self.send(field + b"=" + value + b"&x=y", url=url)

                    self.assertContains(r, "Có lỗi cần sửa")

        self.assert_nothing_began()

    def test_bodies_of_other_kinds(self):
        json = (
            f'{{"username": "an", "password": "{PASSWORD}", "address": "an", "code": 1}}'.encode()
        )
        kinds = ("application/json", "text/plain", "application/octet-stream", "", "/", ";", "\t")
        for kind in kinds:
            for url in FORMS:
                with self.subTest(kind=kind, url=url):
                    self.assert_no_fault(self.send(json, kind=kind, url=url))

        self.assert_nothing_began()

    def test_broken_multipart(self):
        base64 = "Content-Transfer-Encoding: base64"
        whole = multipart('name="username"\r\n\r\nan', 'name="password"\r\n\r\nx')
        form = "multipart/form-data; boundary=XX"
        cases = {
            "no boundary": ("multipart/form-data", whole),
            "empty boundary": ("multipart/form-data; boundary=", whole),
            "long boundary": (f"multipart/form-data; boundary={'X' * 300}", whole),
            "boundary with a control": ("multipart/form-data; boundary=\x01", whole),
            "another boundary": ("multipart/form-data; boundary=YY", whole),
            "cut off": (form, whole[:40]),
            "cut off in the head": (form, whole[:15]),
            "empty": (form, b""),
            "bad base64": (form, multipart(f'name="username"\r\n{base64}\r\n\r\n!')),
            "no name": (form, multipart('filename="x"\r\n\r\nan')),
            "odd name": (form, multipart("name*=utf-8''%FF\r\n\r\nan")),
            "unknown encoding of a name": (form, multipart("name*=geheim''%41\r\n\r\nan")),
            "no encoding of text": (form, multipart("name*=hex''%41\r\n\r\nan")),
            "a file for a field": (form, multipart('name="username"; filename="x"\r\n\r\nan')),
        }  # fmt: skip
        for name, (kind, body) in cases.items():
            for url in (LOGIN, ASK):
                with self.subTest(name, url=url):
                    self.assert_no_fault(self.send(body, kind=kind, url=url))

        self.assert_nothing_began()

    def test_many_files(self):
        body = multipart(*(f'name="f{n}"; filename="x"\r\n\r\ny' for n in range(200)))

        r = self.send(body, kind="multipart/form-data; boundary=XX")

        self.assertContains(r, "Nội dung gửi lên quá lớn", status_code=413)

    def test_fifty_one_fields(self):
        fields = "&".join(f"f{n}=x" for n in range(51)).encode()
        for url in FORMS:
            with self.subTest(url):
                self.assert_no_fault(self.send(fields, url=url))

        self.assertContains(self.send(fields), UNREADABLE, status_code=400)

    def test_fifty_one_questions(self):
        asked = "&".join(f"f{n}=x" for n in range(51))

        r = self.client.get(f"{LOGIN}?{asked}")

        self.assertContains(r, UNREADABLE, status_code=400)

    def test_repeated_and_array_parameters(self):
        bodies = (
            b"username=an&username=chi&password=x&password=y",
            b"username[]=an&password[]=x",
            b"username[$ne]=x&password[$gt]=",
            b"username%5B0%5D=an&username.0=an&password[0]=x",
            b"username=an&username[]=x;password=x",
            b"&&&=&username&password",
        )
        for body in bodies:
            with self.subTest(body):
                self.assertContains(self.send(body), "Có lỗi cần sửa")

        self.assert_nothing_began()

    def test_an_address_asked_for_twice_in_one_request_gets_one_code(self):
        self.send(b"address=an&address=an&address[]=an", url=ASK)

        self.assertEqual(Message.objects.count(), 1)

    def test_fields_in_the_query_are_no_fields(self):
        r = self.client.post(f"{LOGIN}?username=an&password={PASSWORD}", {"x": "y"})

        self.assertContains(r, "Hãy nhập tên đăng nhập")
        self.assert_nothing_began()


class MethodTests(BadRequestTests):
    def test_public_pages_refuse_other_methods(self):
        for url in (*PUBLIC, *MACHINES):
            for method in (
                "PUT",
                "DELETE",
                "PATCH",
                "TRACE",
                "OPTIONS",
                "CONNECT",
                "PROPFIND",
                "X",
            ):
                with self.subTest(url=url, method=method):
                    r = self.client.generic(method, url, b"address=an", content_type=FORM)

                    self.assertEqual(r.status_code, 405)
                    self.assertIn("GET", r.headers["Allow"])

        self.assert_nothing_began()

    def test_private_pages_refuse_other_methods(self):
        self.log_in()
        for url in PRIVATE:
            for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"):
                with self.subTest(url=url, method=method):
                    r = self.client.generic(method, url, b"phone=0912345678", content_type=FORM)

                    self.assertEqual(r.status_code, 405)

        self.assertEqual(Message.objects.count(), 0)

    def test_looking_changes_nothing(self):
        self.log_in()
        for url in (*PUBLIC, *PRIVATE, *MACHINES):
            for method in ("GET", "HEAD"):
                with self.subTest(url=url, method=method):
                    self.client.generic(
                        method,
                        url,
                        query_params={"address": "an", "code": "123456", "phone": "0912345678"},
                    )

        self.assertIn("_auth_user_id", self.client.session)
        self.assertEqual((Code.objects.count(), Message.objects.count()), (0, 0))

    def test_a_method_in_a_field_or_header_is_none(self):
        self.log_in()
        override = {"x-http-method-override": "POST"}

        self.client.get("/dang-xuat/", {"_method": "POST"}, headers=override)

        self.assertIn("_auth_user_id", self.client.session)


class OrderTests(BadRequestTests):
    def test_no_step_can_be_skipped(self):
        for url in (CODE, NEW):
            for method in (self.client.get, self.client.post):
                with self.subTest(url=url, method=method):
                    r = method(url, {"code": "123456", "new_password1": "x", "new_password2": "x"})

                    self.assertEqual(r.url, ASK)

    def test_no_password_before_the_code(self):
        self.ask()
        for method in (self.client.get, self.client.post):
            r = method(
                NEW, {"new_password1": cast.NEW_PASSWORD, "new_password2": cast.NEW_PASSWORD}
            )

            self.assertEqual(r.url, CODE)

        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(PASSWORD))

    def test_the_code_again_after_it_was_right(self):
        self.ask()
        code = newest_code()
        self.guess(code)

        r = self.guess(code)

        self.assertEqual(r.url, NEW)

    def test_no_code_for_a_phone_that_was_not_typed(self):
        self.log_in()

        r = self.client.post("/cau-hinh/thong-tin/an@hagiang.gov.vn/xac-thuc/", {"code": "123456"})

        self.assertEqual(r.url, "/cau-hinh/thong-tin/an@hagiang.gov.vn/")

    def test_a_page_of_another_tab_is_told_apart(self):
        self.ask("an")
        code = newest_code()

        r = self.client.post(CODE, {"code": code, "step": "0b7e6a52-0000-4000-8000-000000000000"})

        self.assertContains(r, "ở thẻ khác của trình duyệt")
        self.assertEqual(Code.objects.get().attempts, 0)


class PathTests(BadRequestTests):
    def test_addresses_that_are_not_ones_own(self):
        self.log_in()
        texts = [
            value for value in hostile.VALUES.values() if "/" not in value and len(value) < 2000
        ]
        others = [
            "chi@hagiang.gov.vn",
            "AN@hagiang.gov.vn",
            "an",
            "%00",
            "..",
            ".",
            "an@hagiang.gov.vn ",
        ]
        for text in filter(None, [*texts, *others]):
            for tail in ("", "xac-thuc/"):
                with self.subTest(text=text[:30], tail=tail):
                    path = f"/cau-hinh/thong-tin/{text}/{tail}"

                    r = self.client.generic("POST", path, b"phone=0912345678", content_type=FORM)

                    self.assertContains(r, "Không tìm thấy trang này", status_code=404)
                    self.assertNotContains(r, hostile.CANARY, status_code=404)

        self.assertEqual(Message.objects.count(), 0)

    def test_paths_of_odd_bytes(self):
        for path in (b"/\xff\xfe/", b"/\x00/", b"/\r\nx/", b"//evil.vn/", b"/..;/", "/ﬁ/".encode()):
            with self.subTest(path):
                r = self.client.get("/", PATH_INFO=path.decode("latin-1"))

                self.assertContains(r, "Không tìm thấy trang này", status_code=404)

    def test_a_missing_slash_leads_to_the_page_on_this_host(self):
        for path in ("/dang-nhap", "//evil.vn/dang-nhap", "/quen-mat-khau"):
            r = self.client.get("/", PATH_INFO=path)

            if r.status_code == 301:
                self.assertRegex(r.url, r"^/[^/]")
