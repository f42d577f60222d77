"""What a confirmation showed is what is carried out: who was changed since is told (GO-08)."""

import datetime as dt

from django.test import Client, TestCase
from django.utils import timezone

from accounts.activation import slips
from accounts.campaigns import password_rules
from accounts.credentials import locks
from accounts.leaving import rules as leaving
from accounts.models import (
    Account,
    ActivationSlip,
    AuditEvent,
    Departure,
    Job,
    LoginNotice,
    Removal,
    Unit,
)
from tests.support import cast
from tests.support.campaigning import CAMPAIGNS, PHONES, Office
from tests.support.clock import let_pass
from tests.support.forms import Page
from tests.support.loading import JOB, LIST, Loaders, csv_of

CHANGED = "Từ khi bạn mở trang này"
WHY = {"why": "Theo công văn 1"}


class ManyTests(Loaders, TestCase):
    """An and Binh were chosen in the list; then something happens to An."""

    def ask(self, action):
        chosen = [self.an.pk, self.binh.pk]
        self.client.post(LIST, {"action": action, "_selected_action": chosen})
        return Job.objects.latest("pk")

    def press(self, job):
        return self.client.post(JOB.format(job.pk), {"confirm": "1", **WHY}, follow=True)

    def change(self, **columns):
        Account.objects.filter(pk=self.an.pk).update(**columns)

    def test_who_was_changed_since_is_shown_again_before_anything_is_done(self):
        now = timezone.now()
        for action, change in (
            ("lock_chosen", {"password_changed_at": now}),
            ("lock_chosen", {"full_name": "Lý Ân"}),
            ("unlock_chosen", {"locked_at": now}),
            ("mark_chosen", {"password_changed_at": now + dt.timedelta(minutes=1)}),
            ("leaked_chosen", {"unit": Unit.objects.create(name="Sở Y tế")}),
        ):
            with self.subTest(action, change=list(change)):
                job = self.ask(action)
                self.change(**change)

                r = self.press(job)

                self.assertContains(r, "1 tài khoản đã đổi")
                self.assertContains(r, "<li>an@hagiang.gov.vn: ")
                self.assertContains(r, WHY["why"])
                job.refresh_from_db()
                self.assertTrue(job.is_asking)

                self.assertContains(self.press(job), "trong số 2 tài khoản")
                job.refresh_from_db()
                self.assertEqual((job.state, job.faults), (Job.State.DONE, []))

    def test_a_lock_that_others_put_on_again_is_not_undone_unseen(self):
        locks.lock(self.an, actor=None)
        job = self.ask("unlock_chosen")
        let_pass(self, minutes=5)
        locks.unlock(self.an, actor=None)
        locks.lock(self.an, actor=None)

        self.assertContains(self.press(job), "an@hagiang.gov.vn: đang sử dụng, bị khóa từ")

        self.an.refresh_from_db()
        self.assertTrue(self.an.is_locked)

    def test_who_is_changed_while_the_job_waits_is_left_out_and_named(self):
        job = self.ask("lock_chosen")
        job.confirm(**WHY)
        self.change(password_changed_at=timezone.now())

        self.worked(job)

        r = self.client.get(JOB.format(job.pk))
        self.assertContains(r, "1 trong số 2 tài khoản")
        self.assertContains(r, "1 tài khoản được bỏ qua vì đã đổi")
        self.assertContains(r, "<li>an@hagiang.gov.vn: đang sử dụng, đổi mật khẩu lúc")
        locked = Account.objects.filter(locked_at__isnull=False)
        self.assertIn(self.binh, locked)
        self.assertNotIn(self.an, locked)

    def test_who_only_logs_in_is_as_before(self):
        job = self.ask("lock_chosen")
        self.log_in("an", client=Client())

        self.assertContains(self.press(job), "2 trong số 2 tài khoản")

    def test_a_job_of_the_release_before_is_done(self):
        job = self.ask("lock_chosen")
        Job.objects.update(seen=None)
        self.change(full_name="Lý Ân")

        self.assertContains(self.press(job), "2 trong số 2 tài khoản")


class FileTests(Loaders, TestCase):
    def load(self):
        return self.upload(csv_of(["an", "Lý Ân", *[""] * 5], ["giang", *[""] * 6]))

    def test_a_file_does_what_was_shown(self):
        for others in (
            lambda: Account.objects.filter(pk=self.an.pk).update(full_name="Lý Hai"),
            lambda: cast.make("giang"),
        ):
            job = self.load()
            others()

            self.confirm(job)

            self.assertTrue(job.is_asking)
            self.assertNotEqual(Account.objects.get(pk=self.an.pk).full_name, "Lý Ân")
            r = self.client.get(JOB.format(job.pk))
            self.assertContains(r, "đã được người khác sửa")
        self.assertEqual(self.confirm(job).state, Job.State.DONE)
        self.assertEqual(Account.objects.get(pk=self.an.pk).full_name, "Lý Ân")
        self.assertNotIn("mark", job.result)

    def test_what_is_not_in_the_file_may_change(self):
        job = self.load()
        Account.objects.filter(pk=self.an.pk).update(kind="organisation")

        self.assertEqual(self.confirm(job).state, Job.State.DONE)
        self.an.refresh_from_db()
        self.assertEqual((self.an.full_name, self.an.kind), ("Lý Ân", "organisation"))


class DeletionTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        self.come_in(cast.make_staff("huong"))

    def refused(self, mine, sentence):
        r = mine.save()

        self.assertContains(r, "Chưa xóa gì.")
        self.assertContains(r, f"{CHANGED}, {sentence}")

    def test_a_notice_that_was_mended_meanwhile_is_shown_again(self):
        now = timezone.now()
        notice = LoginNotice.objects.create(
            text="Bảo trì", shown_from=now, shown_until=now + dt.timedelta(days=1)
        )
        mine = Page(self.client, f"/quan-tri/accounts/loginnotice/{notice.pk}/delete/")
        LoginNotice.objects.update(text="Lừa đảo đang gửi thư giả")

        self.refused(mine, "nội dung đã đổi: lúc đó là “Bảo trì”")

        self.assertEqual(mine.save().status_code, 302)
        self.assertFalse(LoginNotice.objects.exists())

    def test_nor_is_a_unit_deleted_that_is_another_by_now(self):
        unit = Unit.objects.create(name="Sở Y tế")
        mine = Page(self.client, f"/quan-tri/accounts/unit/{unit.pk}/delete/")
        Unit.objects.update(name="Sở Nội vụ")

        self.refused(mine, "tên đơn vị đã đổi: lúc đó là “Sở Y tế”")

        self.assertEqual(mine.save().status_code, 302)
        self.assertFalse(Unit.objects.exists())
        self.assertTrue(AuditEvent.objects.filter(event="unit-edited", detail__deleted=True))

    def test_nothing_is_deleted_by_ticking_it(self):
        unit = Unit.objects.create(name="Sở Y tế")
        sent = {"action": "delete_selected", "_selected_action": [unit.pk], "post": "yes"}

        self.client.post("/quan-tri/accounts/unit/", sent)

        self.assertTrue(Unit.objects.exists())


class ListTests(Office, TestCase):
    """Lists that a page has counted: who comes or goes makes another one."""

    def setUp(self):
        self.set_up_people()
        self.set_up_office()
        self.one = Client()
        self.come_in(self.province, client=self.one)

    def refused_once(self, path, others, sentence, **typed):
        mine = Page(self.one, path)
        others()

        self.assertContains(mine.save(**typed), f"{CHANGED}, {sentence}")

        self.assertEqual(mine.save().status_code, 302)

    def swap(self):
        """One goes and another comes: the number stays."""
        Account.objects.filter(pk=self.gam.pk).update(has_default_password=False)
        columns = {"unit": self.department, "has_default_password": True}
        Account.objects.filter(pk=self.binh.pk).update(**columns)

    def test_a_campaign_starts_with_those_who_were_shown(self):
        campaign = self.plan(self.department)
        path = f"{CAMPAIGNS}{campaign.pk}/bat-dau/"

        self.refused_once(path, self.swap, "những người còn chờ đã đổi: lúc đó là “2 người")

        self.assertEqual(campaign.members.count(), 2)

    def test_it_is_stopped_for_those_who_were_shown(self):
        campaign = self.running()
        path = f"{CAMPAIGNS}{campaign.pk}/dung/"

        def others():
            Account.objects.filter(pk=self.gam.pk).update(has_default_password=False)
            password_rules.run()

        self.refused_once(path, others, "những người còn chờ đã đổi", **WHY)

    def test_people_are_reminded_who_were_shown(self):
        today = timezone.localdate()
        Account.objects.filter(pk=self.binh.pk).update(unit=self.department)
        campaign = self.running_phones(
            self.department, older_than=None, reminder_days=[today], asked_first_from=today
        )

        def others():
            members = campaign.members.filter(account=self.binh)
            members.update(reminders_sent=1, last_reminded_on=today)

        path = f"{PHONES}{campaign.pk}/nhac-ngay/"
        self.refused_once(path, others, "những người còn chờ nhắc đã đổi")

    def test_a_list_for_removal_is_the_one_that_was_counted(self):
        day = timezone.localdate() - dt.timedelta(days=2)

        def leave(person):
            leaving.plan(
                person,
                last_day=day,
                forward_to=None,
                forward_days=0,
                sentence="Da nghi",
                why="Quyết định 1",
                by=self.province,
            )

        leave(self.gam)
        path = "/quan-tri/xoa/nghi-viec/"

        self.refused_once(path, lambda: leave(self.hoa), "danh sách đề nghị xóa đã đổi", **WHY)

        self.assertEqual(Removal.objects.get().members.count(), 2)


class ButtonTests(Office, TestCase):
    def setUp(self):
        self.set_up_people()
        self.set_up_office()
        self.come_in(self.province)

    def button(self, departure):
        form = f'action="[^"]*/{departure.pk}/huy/"'
        return Page(self.client, "/quan-tri/nghi-viec/", form=form)

    def test_a_departure_that_was_carried_out_meanwhile_is_shown_again(self):
        day = timezone.localdate()
        leaving.plan(
            self.gam,
            last_day=day,
            forward_to=None,
            forward_days=0,
            sentence="Da nghi",
            why="Quyết định 1",
            by=self.province,
        )
        departure = Departure.objects.get()
        page = self.button(departure)
        Departure.objects.update(last_day=day - dt.timedelta(days=1))
        leaving.run()

        r = page.save()

        self.assertContains(self.client.get(r.url), f"{CHANGED}, lần nghỉ việc đã đổi")
        self.assertFalse(Account.objects.get(pk=self.gam.pk).is_active)
        page = self.button(departure)
        page.save()
        self.assertTrue(Account.objects.get(pk=self.gam.pk).is_active)


class SlipTests(Office, TestCase):
    PRINT = "/quan-tri/phieu-kich-hoat/in/"

    def setUp(self):
        self.set_up_people()
        self.set_up_office()
        self.come_in(self.province)
        unit = Unit.objects.create(name="Sở Ba")
        self.new = [cast.make(f"moi.{n}", unit=unit, has_default_password=True) for n in range(3)]
        asked = {"unit": unit.pk, "addresses": "", "layout": "mot"}
        r = self.client.post(self.PRINT, asked)
        self.shown = Page(self.client, self.PRINT, html=r.content.decode())

    def test_slips_are_printed_for_those_who_were_shown(self):
        Account.objects.filter(pk=self.new[0].pk).update(is_active=False)
        slips.give([self.new[1]], by=self.unit_it, why="Công văn 2")
        before = ActivationSlip.objects.get()

        r = self.shown.save(why="Theo công văn 1")

        self.assertContains(r, "Chưa in phiếu nào.")
        self.assertContains(r, "moi.0@hagiang.gov.vn không còn được cấp phiếu.")
        self.assertContains(r, "moi.1@hagiang.gov.vn vừa được in phiếu khác lúc")
        self.assertEqual(list(ActivationSlip.objects.open()), [before])

        self.client.post(self.PRINT, self.shown.fields)

        given = ActivationSlip.objects.open()
        self.assertEqual({each.account for each in given}, set(self.new[1:]))

    def test_where_nobody_is_left_it_is_said(self):
        Account.objects.filter(pk__in=[each.pk for each in self.new]).update(is_active=False)

        r = self.shown.save(why="Theo công văn 1")

        self.assertContains(self.client.get(r.url), "moi.2@hagiang.gov.vn không còn")
