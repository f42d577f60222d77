"""A page that was opened before somebody else saved undoes nothing of theirs (GO-08)."""

import datetime as dt
import json
from threading import Thread

from django.contrib import admin
from django.db import connection
from django.test import Client, RequestFactory, TestCase, TransactionTestCase
from django.utils import timezone

from accounts.admin.versions import VersionedAdmin, VersionedForm
from accounts.models import Account, AuditEvent, LoginNotice, Unit
from otp.models import Brakes
from tests.support import cast
from tests.support.forms import Page

ACCOUNTS = "/quan-tri/accounts/account/"
CLASH = "Người khác đã sửa"


class OldPages(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.one, self.other = Client(), Client()
        self.come_in(cast.make_staff("huong"), client=self.one)
        self.come_in(cast.make_staff("khoa"), client=self.other)

    def both(self, path):
        return Page(self.one, path), Page(self.other, path)


class AccountTests(OldPages):
    def setUp(self):
        super().setUp()
        self.path = f"{ACCOUNTS}{self.an.pk}/change/"

    def test_a_name_that_is_mended_opens_no_account_again(self):
        mine, theirs = self.both(self.path)
        self.assertEqual(theirs.save("is_active").status_code, 302)

        self.assertEqual(mine.save(full_name="Lý An").status_code, 302)

        self.an.refresh_from_db()
        self.assertEqual((self.an.full_name, self.an.is_active), ("Lý An", False))
        edits = AuditEvent.objects.filter(event="account-edited").order_by("pk")
        self.assertEqual([each.detail["fields"] for each in edits], [["is_active"], ["full_name"]])

    def test_nor_takes_any_other_field_back(self):
        unit = Unit.objects.create(name="Sở Y tế")
        until = timezone.now() + dt.timedelta(days=9)
        mine, theirs = self.both(self.path)
        theirs.save(
            full_name="Lý Văn Ân",
            kind="organisation",
            unit=unit.pk,
            has_default_password="on",
            default_password_until=f"{timezone.localtime(until):%d/%m/%Y %H:%M}",
        )

        self.assertEqual(mine.save("is_active").status_code, 302)

        self.an.refresh_from_db()
        self.assertEqual(
            (self.an.full_name, self.an.kind, self.an.unit, self.an.has_default_password),
            ("Lý Văn Ân", "organisation", unit, True),
        )
        self.assertIsNotNone(self.an.default_password_until)
        self.assertFalse(self.an.is_active)

    def test_what_both_edited_is_shown_and_nothing_typed_is_lost(self):
        mine, theirs = self.both(self.path)
        theirs.save(full_name="Lý Văn Ân")

        r = mine.save("is_active", full_name="Lý An")

        self.assertContains(r, "bây giờ là “Lý Văn Ân”, bạn nhập “Lý An”")
        self.assertEqual(mine.fields["full_name"], "Lý An")
        self.assertNotIn("is_active", mine.fields)
        self.an.refresh_from_db()
        self.assertEqual((self.an.full_name, self.an.is_active), ("Lý Văn Ân", True))

        self.assertEqual(mine.save().status_code, 302)

        self.an.refresh_from_db()
        self.assertEqual((self.an.full_name, self.an.is_active), ("Lý An", False))

    def test_what_became_of_the_rest_is_shown_with_the_clash(self):
        unit = Unit.objects.create(name="Sở Y tế")
        mine, theirs = self.both(self.path)
        theirs.save("is_active", full_name="Lý Văn Ân", unit=unit.pk)

        mine.save(full_name="Lý An")

        self.assertEqual(mine.fields["unit"], str(unit.pk))
        self.assertNotIn("is_active", mine.fields)

    def test_a_third_who_saves_before_the_second_try_is_seen_too(self):
        mine, theirs = self.both(self.path)
        theirs.save(full_name="Lý Văn Ân")
        mine.save(full_name="Lý An")
        Page(self.other, self.path).save(full_name="Lý Văn Hai")

        self.assertContains(mine.save(), "bây giờ là “Lý Văn Hai”, bạn nhập “Lý An”")

    def test_choices_and_switches_are_told_in_words(self):
        one, two, three = (Unit.objects.create(name=f"Sở {n}") for n in "ABC")
        Account.objects.filter(pk=self.an.pk).update(unit=one)
        mine, theirs = self.both(self.path)
        theirs.save(unit=two.pk)

        self.assertContains(mine.save(unit=three.pk), "bây giờ là “Sở B”, bạn nhập “Sở C”")

    def test_the_same_edit_by_both_is_no_clash(self):
        mine, theirs = self.both(self.path)
        theirs.save(full_name="Lý An")

        self.assertEqual(mine.save(full_name="Lý An").status_code, 302)

    def test_what_a_page_does_not_say_was_not_seen_there(self):
        Account.objects.filter(pk=self.an.pk).update(is_active=False)
        fields = {"full_name": "Lý An", "kind": "person", "unit": "", "is_active": "on"}
        part = json.dumps({"full_name": self.an.full_name})
        for version in ({"drawn_from": "x"}, {"drawn_from": part}):
            with self.subTest(version):
                r = self.one.post(self.path, fields | version | cast.NO_ALIASES)

                self.assertContains(r, "bây giờ là “không”, bạn nhập “có”")
                self.assertContains(r, "Lý An")
                self.an.refresh_from_db()
                self.assertEqual((self.an.full_name, self.an.is_active), ("Lý Văn An", False))

    def test_who_opened_no_page_is_taken_at_their_word(self):
        Account.objects.filter(pk=self.an.pk).update(is_active=False)
        fields = {"full_name": "Lý An", "kind": "person", "unit": "", "is_active": "on"}

        self.one.post(self.path, fields | cast.NO_ALIASES)

        self.an.refresh_from_db()
        self.assertEqual((self.an.full_name, self.an.is_active), ("Lý An", True))

    def test_a_version_that_is_none_is_no_error(self):
        none = ("x", "[]", "null", "1", '{"full_name": []}', '{"password": "x"}', "{" * 999)
        for version in none:
            with self.subTest(version):
                page = Page(self.one, self.path)

                self.assertIn(page.save(drawn_from=version).status_code, (200, 302))

    def test_the_page_tells_no_more_than_it_shows(self):
        version = Page(self.one, self.path).fields["drawn_from"]

        self.assertNotIn("466981", version)
        self.assertNotIn("argon2", version)

    def test_an_alias_that_somebody_else_took_away(self):
        self.an.addresses.create(address="ly.an@hagiang.gov.vn", is_main=False)
        mine, theirs = self.both(self.path)
        theirs.save(addresses__0__DELETE="on")
        self.assertEqual(self.an.addresses.count(), 1)

        r = mine.save(full_name="Lý An")

        self.assertEqual(r.status_code, 302)
        self.an.refresh_from_db()
        self.assertEqual((self.an.full_name, self.an.addresses.count()), ("Lý An", 1))


class OtherFormsTests(OldPages):
    def test_the_brakes(self):
        path = "/quan-tri/otp/brakes/1/change/"
        mine, theirs = self.both(path)
        theirs.save(sending_stopped="on")

        self.assertEqual(mine.save(codes_a_day="900").status_code, 302)

        brakes = Brakes.objects.get()
        self.assertEqual((brakes.sending_stopped, brakes.codes_a_day), (True, 900))
        mine, theirs = self.both(path)
        theirs.save(codes_a_day="800")
        self.assertContains(mine.save(codes_a_day="700"), "bây giờ là “800”, bạn nhập “700”")

    def test_a_unit(self):
        above = Unit.objects.create(name="UBND")
        unit = Unit.objects.create(name="Sở Y tế", code="SYT")
        path = f"/quan-tri/accounts/unit/{unit.pk}/change/"
        mine, theirs = self.both(path)
        theirs.save(parent=above.pk)

        self.assertEqual(mine.save(code="YT").status_code, 302)

        unit.refresh_from_db()
        self.assertEqual((unit.parent, unit.code), (above, "YT"))
        mine, theirs = self.both(path)
        theirs.save(name="Sở Y tế mới")
        self.assertContains(mine.save(name="Sở Y tế cũ"), CLASH)

    def test_a_login_notice(self):
        now = timezone.now()
        notice = LoginNotice.objects.create(
            text="Bảo trì tối nay", shown_from=now, shown_until=now + dt.timedelta(days=1)
        )
        path = f"/quan-tri/accounts/loginnotice/{notice.pk}/change/"
        mine, theirs = self.both(path)
        later = f"{timezone.localtime(now) + dt.timedelta(days=3):%d/%m/%Y %H:%M}"
        theirs.save(shown_until=later)

        self.assertEqual(mine.save(text="Bảo trì đêm nay").status_code, 302)

        notice.refresh_from_db()
        self.assertEqual(notice.text, "Bảo trì đêm nay")
        self.assertEqual(f"{timezone.localtime(notice.shown_until):%d/%m/%Y %H:%M}", later)

    def test_a_notice_that_somebody_else_deleted_keeps_what_was_typed(self):
        now = timezone.now()
        notice = LoginNotice.objects.create(
            text="Bảo trì", shown_from=now, shown_until=now + dt.timedelta(days=1)
        )
        mine = Page(self.one, f"/quan-tri/accounts/loginnotice/{notice.pk}/change/")
        self.other.post(f"/quan-tri/accounts/loginnotice/{notice.pk}/delete/", {"post": "yes"})

        r = mine.save(text="Bảo trì từ 20 giờ")

        self.assertContains(r, "người khác đã xóa")
        self.assertEqual(mine.fields["text"], "Bảo trì từ 20 giờ")
        self.assertEqual(LoginNotice.objects.count(), 0)
        self.assertEqual(mine.save().status_code, 302)
        self.assertEqual(LoginNotice.objects.get().text, "Bảo trì từ 20 giờ")

    def test_nor_is_a_unit_lost_that_somebody_else_deleted(self):
        above = Unit.objects.create(name="UBND")
        unit = Unit.objects.create(name="Sở Y tế", parent=above)
        mine = Page(self.one, f"/quan-tri/accounts/unit/{unit.pk}/change/")
        unit.delete()

        r = mine.save(name="Sở Y tế tỉnh")

        self.assertContains(r, "người khác đã xóa")
        self.assertEqual(mine.save().status_code, 302)
        self.assertEqual(Unit.objects.get(name="Sở Y tế tỉnh").parent, above)

    def test_something_new_has_no_version(self):
        page = Page(self.one, "/quan-tri/accounts/unit/add/")

        self.assertNotIn("drawn_from", page.fields)
        self.assertEqual(page.save(name="Sở Nội vụ").status_code, 302)

    def test_every_form_of_the_administration_knows_its_version(self):
        request = RequestFactory().get("/")
        request.user = Account.objects.get(address="huong@hagiang.gov.vn")
        changed = [
            each for each in admin.site._registry.values() if each.has_change_permission(request)
        ]

        self.assertEqual(len(changed), 5)
        for each in changed:
            self.assertIsInstance(each, VersionedAdmin)
            self.assertTrue(issubclass(each.form, VersionedForm))


class AtOnceTests(cast.Cast, TransactionTestCase):
    def test_two_who_save_at_the_same_moment(self):
        self.set_up_people()
        browsers = [Client(), Client()]
        for name, browser in zip(("huong", "khoa"), browsers, strict=True):
            self.come_in(cast.make_staff(name), client=browser)
        path = f"{ACCOUNTS}{self.an.pk}/change/"
        pages = [Page(browser, path) for browser in browsers]
        answers = []

        def save(page, name):
            answers.append(page.save(full_name=name).status_code)
            connection.close()

        threads = [Thread(target=save, args=pair) for pair in zip(pages, ("Ân", "Ăn"), strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        self.assertEqual(sorted(answers), [200, 302])
