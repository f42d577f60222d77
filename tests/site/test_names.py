"""No name holds what nobody sees, whichever door it comes by."""

import datetime as dt

from django import forms
from django.test import Client, SimpleTestCase, TestCase
from django.utils import timezone

from accounts.access.forms import PasskeyForm
from accounts.folding import visible
from accounts.models import Account, Campaign, LoginNotice, Unit
from accounts.pages.forms import Name
from accounts.pages.staff_fields import KeptWords
from accounts.self_service.forms import AppPasswordForm
from tests.admin.test_old_pages import ACCOUNTS, Page
from tests.support import cast

# It is shown as another name, and is found by nobody who types this one.
TYPED = "\u202eLý\u200b Văn\u2066 \u00a0Ân\u2069\ufe0f"
SEEN = "Lý Văn Ân"


class VisibleTests(SimpleTestCase):
    def test_what_is_seen_stays(self):
        for name in (
            SEEN,
            "Nguyễn Thị Hồng-Hạnh (Phó GĐ)",
            "Sở KH&CN / Văn phòng",
            "Vừ Mí Sử",
            "o'",
        ):
            with self.subTest(name):
                self.assertEqual(visible(name), name)

    def test_what_is_not_seen_goes(self):
        hidden = (
            0xAD,
            0x61C,
            0x200B,
            0x200F,
            0x202A,
            0x202E,
            0x2060,
            0x2066,
            0x2069,
            0x3164,
            0xFEFF,
        )
        for sign in map(chr, (*hidden, 0x0, 0x7F, 0x85, 0xFFA0, 0xFE0F, 0xE0041, 0xE0100, 0xE000)):
            with self.subTest(ascii(sign)):
                self.assertEqual(visible(f"A{sign}B").replace(" ", ""), "AB")
                self.assertEqual(visible(f"{sign}A B{sign}"), "A B")

    def test_every_gap_is_one_space(self):
        self.assertEqual(visible("  A\u00a0\u3000\t\nB\u2003 "), "A B")


class DoorTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def name_of(self, account):
        return Account.objects.values_list("full_name", flat=True).get(pk=account.pk)

    def test_the_admin_s_forms(self):
        staff = Client()
        self.come_in(cast.make_staff("huong"), client=staff)

        page = Page(staff, f"{ACCOUNTS}{self.an.pk}/change/")
        self.assertEqual(page.save(full_name=TYPED).status_code, 302)
        unit = Page(staff, "/quan-tri/accounts/unit/add/")
        self.assertEqual(unit.save(name=TYPED, code="L\u200bVA").status_code, 302)

        self.assertEqual(self.name_of(self.an), SEEN)
        self.assertEqual(Unit.objects.values_list("name", "code").get(), (SEEN, "LVA"))

    def test_a_second_unit_of_the_name_as_it_is_seen_is_refused(self):
        staff = Client()
        self.come_in(cast.make_staff("huong"), client=staff)
        Unit.objects.create(name=SEEN)

        r = Page(staff, "/quan-tri/accounts/unit/add/").save(name=TYPED)

        self.assertEqual((r.status_code, Unit.objects.count()), (200, 1))

    def test_a_unit_whose_path_is_another_s_is_refused(self):
        staff = Client()
        self.come_in(cast.make_staff("huong"), client=staff)
        above = Unit.objects.create(name="Sở Y tế")
        below = Unit.objects.create(name="Văn phòng", parent=above)

        for name, parent in (
            ("SỞ  Y  TẾ", ""),
            ("Sở Y tế/Văn phòng", ""),
            ("văn phòng", above.pk),
        ):
            with self.subTest(name):
                r = Page(staff, "/quan-tri/accounts/unit/add/").save(name=name, parent=parent)
                self.assertEqual((r.status_code, Unit.objects.count()), (200, 2))
                self.assertEqual(list(r.context["adminform"].form.errors), ["name"])
        own = Page(staff, f"/quan-tri/accounts/unit/{below.pk}/change/").save(name="VĂN PHÒNG")
        self.assertEqual(own.status_code, 302)

    def test_rows_that_are_written_many_at_once(self):
        Account.objects.bulk_update([Account(pk=self.an.pk, full_name=TYPED)], ["full_name"])
        Account.objects.filter(pk=self.binh.pk).update(full_name=TYPED)

        self.assertEqual((self.name_of(self.an), self.name_of(self.binh)), (SEEN, SEEN))


class WordTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def test_a_campaign(self):
        staff = Client()
        self.come_in(cast.make_staff("huong"), client=staff)
        unit = Unit.objects.create(name="Sở Y tế")
        Account.objects.update(unit=unit)
        fields = {"first_day": f"{timezone.localdate():%d/%m/%Y}", "units": [unit.pk]}

        staff.post("/quan-tri/chien-dich/moi/", {"name": TYPED, "basis": TYPED} | fields)

        self.assertEqual(Campaign.objects.values_list("name", "basis").get(), (SEEN, SEEN))

    def test_a_notice_on_the_log_in_page(self):
        until = timezone.now() + dt.timedelta(days=1)

        notice = LoginNotice.objects.create(text=TYPED, shown_until=until)

        notice.refresh_from_db()
        self.assertEqual(notice.text, SEEN)

    def test_what_nobody_sees_is_no_word(self):
        for field in (KeptWords(), Name()):
            with self.subTest(field), self.assertRaises(forms.ValidationError):
                field.clean("\u202e\u200b")

    def test_lines_stay_where_lines_are_typed(self):
        self.assertEqual(KeptWords(widget=forms.Textarea).clean("a\u202e \r\n\r\nb"), "a\n\nb")
        self.assertEqual(KeptWords().clean("a\r\nb"), "a b")

    def test_every_form_takes_names_and_words_so(self):
        free = {"name", "basis", "why", "reason", "ticket", "decision", "evidence", "sentence"}
        seen = set()
        for form in every_form():
            for name in free & form.base_fields.keys():
                field = form.base_fields[name]
                if isinstance(field, forms.CharField):
                    seen.add(name)
                    with self.subTest(f"{form.__module__}.{form.__qualname__}: {name}"):
                        self.assertEqual(field.to_python(TYPED), SEEN)
        self.assertEqual(seen, free)
        self.assertIn(AppPasswordForm, every_form())
        self.assertIn(PasskeyForm, every_form())


def every_form(of=forms.BaseForm):
    for form in of.__subclasses__():
        yield from every_form(form)
        ours = form.__module__.partition(".")[0] in ("accounts", "otp")
        if ours and hasattr(form, "base_fields"):
            yield form
