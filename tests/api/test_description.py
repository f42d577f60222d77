"""The description of the API is what it answers: each address, each status, each shape."""

from django.test import TestCase
from django.urls import get_resolver

from accounts.api.answers import PREFIX
from accounts.models import ProgramToken
from otp.outbox import queue_mail
from tests.api.programs import ALL, WHY, Programs, admit
from tests.house.test_house_rules import patterns
from tests.support.campaigning import Office

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}

# One that is wrong, so that its fault has a shape too.
ROWS = {"rows": [{"address": "moi@hagiang.gov.vn"}, {"address": "x@khac.vn"}], "dry_run": True}


class DescriptionTests(Programs, Office, TestCase):
    def setUp(self):
        self.set_up_programs()
        self.set_up_office()
        self.passwords = self.running(self.department)
        self.phones = self.running_phones()
        queue_mail("x", to="x@hagiang.gov.vn", subject="x", text="x")
        self.token = admit()
        self.said = self.get("openapi.json", self.token).json()

    def operations(self):
        for page, methods in self.said["paths"].items():
            for method, operation in methods.items():
                yield page, method, operation

    def call(self, page, method, token, address="an@hagiang.gov.vn", pk=None):
        campaign = self.phones if "phone" in page else self.passwords
        there = page.lstrip("/").replace("{address}", address)
        there = there.replace("{id}", str(pk or campaign.pk))
        if method == "get":
            return self.get(there, token)
        return self.post(there, token, ROWS if page == "/loads" else WHY)

    def assert_fits(self, value, schema, where):
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/components/schemas/")
            schema = self.said["components"]["schemas"][name]
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        self.assertIn(type(value), [TYPES[kind] for kind in kinds], where)
        if "enum" in schema:
            self.assertIn(value, schema["enum"], where)
        if isinstance(value, list):
            self.assertTrue(value, f"{where}: nothing to compare")
            for each in value:
                self.assert_fits(each, schema["items"], where)
        if isinstance(value, dict):
            self.assert_object_fits(value, schema, where)

    def assert_object_fits(self, value, schema, where):
        self.assertLessEqual(set(schema.get("required", ())), set(value), where)
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        for name, each in value.items():
            if name in known:
                self.assert_fits(each, known[name], f"{where}.{name}")
            elif isinstance(others, dict):
                self.assert_fits(each, others, f"{where}.{name}")
            else:
                self.assertTrue(others, f"{where}.{name}")

    def assert_answer_fits(self, r, operation, where):
        self.assertIn(str(r.status_code), operation["responses"], where)
        ((kind, shape),) = operation["responses"][str(r.status_code)]["content"].items()
        self.assertEqual(r.headers["Content-Type"], kind, where)
        self.assert_fits(r.json(), shape["schema"], where)

    def test_it_names_every_address_and_no_other(self):
        there = {
            path.replace("accounts/1", "accounts/{address}").replace("/1", "/{id}")
            for _, path, _ in patterns(get_resolver())
            if path.startswith(PREFIX)
        }

        self.assertEqual(there, {f"{PREFIX}v1{page}" for page in self.said["paths"]})
        self.assertEqual(self.said["openapi"], "3.1.0")

    def test_each_answer_has_its_shape(self):
        for page, method, operation in self.operations():
            with self.subTest(page):
                r = self.call(page, method, self.token)

                self.assertEqual(r.status_code, 200)
                self.assert_answer_fits(r, operation, page)

    def test_each_refusal_has_its_shape(self):
        for page, method, operation in self.operations():
            scope = operation.get("x-scope")
            other = admit(f"Không {page}", scopes=[each for each in ALL if each != scope])
            answers = [self.call(page, method, "mp_wrong"), self.call(page, method, other)]
            if "{address}" in page:
                answers.append(self.call(page, method, self.token, "khong.co@hagiang.gov.vn"))
            if "{id}" in page:
                answers.append(self.call(page, method, self.token, pk=999))
            if method == "post":
                where = page.lstrip("/").replace("{address}", "an@hagiang.gov.vn")
                answers += [self.post(where, self.token, each) for each in ("{", {"reason": ""})]
            else:
                where = page.lstrip("/").replace("{id}", "1").replace("{address}", "x")
            if page == "/accounts":
                answers += [self.get(f"accounts?{each}", self.token) for each in ("x=1", "unit=9")]
            # A filter that there is not is passed over nowhere.
            unknown = getattr(self, method)(f"{where}?x=1", self.token)
            self.assertEqual(unknown.json()["errors"], {"x": ["Không có tên này."]})
            answers.append(unknown)
            answers.append(
                self.post(where, self.token) if method == "get" else self.get(where, self.token)
            )
            for r in answers:
                with self.subTest(page, status=r.status_code):
                    self.assert_answer_fits(r, operation, page)
            expected = {401, 405} | ({403} if scope else set())
            self.assertLessEqual(expected, {r.status_code for r in answers})

    def test_its_scopes_are_those_that_are_asked_for(self):
        for page, method, operation in self.operations():
            scope = operation.get("x-scope")
            if scope:
                with self.subTest(page):
                    self.assertIn(scope, ProgramToken.Scope.values)
                    only = admit(f"Chỉ {page}", scopes=[scope])
                    self.assertEqual(self.call(page, method, only).status_code, 200)
