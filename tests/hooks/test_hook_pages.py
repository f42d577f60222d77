"""The pages of webhooks: made, changed, tried, switched, ended; the secret is shown once."""

import threading

from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from django.utils import timezone

from accounts.hooks import rules, sending
from accounts.models import AuditEvent, Hook, HookMessage
from tests.hooks.hooks import ALL, Hooks
from tests.hooks.receiver import Receiver
from tests.support import cast
from tests.support.clock import Clock
from tests.support.forms import Page
from tests.support.waiting import PATIENCE, wait_for, waiting_for_locks

LIST = "/quan-tri/chuong-trinh/webhook/"
NEW = f"{LIST}moi/"


class PageTests(Hooks, TestCase):
    def setUp(self):
        self.set_up_hooks()
        self.come_in(self.huong)

    def fill_in(self, *, client=None, **changes):
        fields = {
            "name": "Hỗ trợ người dùng",
            "url": self.receiver.address,
            "events": ["locked", "unlocked"],
            "unit": str(self.ours.pk),
        }
        return (client or self.client).post(NEW, fields | changes)

    def edit_page(self):
        return Page(self.client, f"{LIST}{self.hook.pk}/sua/")

    def act(self, act, **fields):
        return self.client.post(f"{LIST}{self.hook.pk}/{act}/", fields, follow=True)

    def test_the_secret_is_shown_once_and_signs(self):
        rules.end(self.hook.pk, by=self.huong)
        r = self.fill_in()
        made = r.context["made"]
        self.assertContains(r, made.secret)
        self.assertNotContains(r, "ngon-ngu")  # a link that would lose it
        self.receiver.secret = made.secret
        self.lock(self.an)
        self.lock(self.binh)

        self.send()

        (told,) = self.receiver.told
        self.assertEqual((told["signed"], told["data"]["address"]), (True, self.an.address))
        for page in (LIST, f"{LIST}{made.row.pk}/"):
            page = self.client.get(page)
            self.assertNotContains(page, made.secret)
            self.assertNotContains(page, "khoa=1")
        self.assertNotIn(made.row.seed, made.secret)
        event = AuditEvent.objects.get(event="hook-made", detail__hook="Hỗ trợ người dùng")
        self.assertEqual((event.actor, event.detail["host"]), (self.huong, "127.0.0.1"))
        self.assertNotIn("khoa", str(event.detail))

    def test_a_try_shows_what_the_receiver_answered(self):
        self.receiver.plan = [503]
        r = self.act("thu")
        self.assertContains(r, "Đã gửi thử")
        self.send()

        page = self.client.get(f"{LIST}{self.hook.pk}/")

        self.assertContains(page, "Máy nhận trả lời lỗi 503")
        self.assertContains(page, "Gửi thử")
        self.assertContains(page, self.receiver.told[0]["id"])
        self.assertContains(self.client.get(LIST), "Máy nhận trả lời lỗi 503")

    def test_a_page_of_what_was_told_names_nobody(self):
        self.lock(self.an)

        page = self.client.get(f"{LIST}{self.hook.pk}/")

        self.assertContains(page, "Khóa")
        self.assertNotContains(page, self.an.address)

    def test_it_is_switched_off_and_on_on_record(self):
        r = self.act("bat-tat", on="0")
        self.assertContains(r, "Đã tắt webhook")
        self.act("bat-tat", on="0")
        self.act("thu")
        self.assertFalse(HookMessage.objects.exists())
        self.act("bat-tat", on="1")

        self.assertTrue(self.now().is_on)
        reasons = AuditEvent.objects.filter(event="hook-switched").order_by("pk")
        self.assertEqual(list(reasons.values_list("reason", flat=True)), ["off", "on"])

    def test_a_new_secret_replaces_the_one_before(self):
        before = self.receiver.secret
        r = self.act("khoa-ky")

        self.assertContains(r, r.context["made"].secret)
        self.assertNotEqual(r.context["made"].secret, before)
        self.assertTrue(AuditEvent.objects.filter(event="hook-secret-made", actor=self.huong))

    def test_the_same_form_once_more_gives_the_same_secret(self):
        first = self.fill_in().context["made"]
        for number in range(rules.MOST_HOOKS - 2):
            self.make(f"w{number}")

        again = self.fill_in()

        self.assertContains(again, first.secret)
        self.assertEqual(again.context["made"].row, first.row)
        self.assertEqual(Hook.objects.count(), rules.MOST_HOOKS)
        made = AuditEvent.objects.filter(event="hook-made", detail__hook=first.row.name)
        self.assertEqual(made.count(), 1)

    def test_the_secret_is_for_nobody_else_for_no_other_form_and_not_for_long(self):
        self.fill_in()
        lan = cast.make_staff("lan", "province-it")
        other = self.client_class()
        self.come_in(lan, client=other)

        refused = [
            self.fill_in(url=f"{self.receiver.address}&x"),
            self.fill_in(events=["locked"]),
            self.fill_in(unit=""),
            self.fill_in(client=other),
        ]
        Clock(self).forward(seconds=rules.REPEATED.seconds + 1)
        refused.append(self.fill_in())

        for r in refused:
            self.assertContains(r, "Đã có webhook tên này")
        self.assertEqual(Hook.objects.count(), 2)

    def test_the_same_click_for_a_new_secret_gives_the_one_that_it_made(self):
        seen = Page(self.client, f"{LIST}{self.hook.pk}/", form=r"khoa-ky").fields["seen"]
        first = self.act("khoa-ky", seen=seen).context["made"].secret

        again = self.act("khoa-ky", seen=seen).context["made"].secret

        self.assertEqual(again, first)
        self.assertEqual(AuditEvent.objects.filter(event="hook-secret-made").count(), 1)
        Clock(self).forward(seconds=rules.REPEATED.seconds + 1)
        self.assertNotEqual(self.act("khoa-ky", seen=seen).context["made"].secret, first)

    def test_what_is_told_and_whom_is_changed_on_record_and_the_secret_stays(self):
        other = Receiver()
        self.addCleanup(other.close)
        other.secret = self.receiver.secret
        page = self.edit_page()
        self.assertNotIn("khoa=1", self.client.get(page.path).content.decode())
        self.lock(self.an)

        r = page.save(url=other.address, events=["locked"], unit=str(self.ours.pk))

        self.assertRedirects(r, f"{LIST}{self.hook.pk}/")
        self.unlock(self.an)
        self.lock(self.binh)
        self.send()
        (told,) = other.told
        self.assertEqual((told["type"], told["signed"]), ("locked", True))
        self.assertEqual(told["data"]["address"], self.an.address)
        self.assertEqual(self.receiver.told, [])
        event = AuditEvent.objects.get(event="hook-edited", actor=self.huong)
        self.assertEqual(event.detail["hook"], self.hook.name)
        self.assertEqual(event.detail["fields"], ["url", "events", "unit"])
        self.assertEqual((event.detail["host"], event.detail["unit"]), ("127.0.0.1", "Sở Y tế"))
        self.assertNotIn("khoa", str(event.detail))

    def test_it_is_renamed_on_record_and_goes_on_telling(self):
        before = self.hook.name
        self.lock(self.an)

        r = self.edit_page().save(name=" Quản lý  cán bộ tỉnh ", events=ALL)

        self.assertRedirects(r, f"{LIST}{self.hook.pk}/")
        self.assertEqual(self.now().name, "Quản lý cán bộ tỉnh")
        self.assertContains(self.client.get(LIST), "Quản lý cán bộ tỉnh</a>")
        event = AuditEvent.objects.get(event="hook-edited", actor=self.huong)
        told = [event.detail[each] for each in ("hook", "name", "fields")]
        self.assertEqual(told, [before, self.hook.name, ["name"]])
        self.send()
        self.assertEqual([each["signed"] for each in self.receiver.told], [True])

    def test_a_name_that_one_had_is_nobody_elses(self):
        before = self.hook.name
        other = self.make("Một cửa")
        self.edit_page().save(name="Cán bộ")

        taken = [
            self.fill_in(name=before),
            self.fill_in(name="Cán bộ"),
            Page(self.client, f"{LIST}{other.pk}/sua/").save(name=before),
            Page(self.client, f"{LIST}{other.pk}/sua/").save(name="Cán bộ", url=""),
        ]

        for r in taken:
            self.assertContains(r, "Đã có webhook tên này. Hãy đặt tên khác.")
        self.assertEqual(set(Hook.objects.values_list("name", flat=True)), {"Một cửa", "Cán bộ"})
        self.assertEqual(self.edit_page().save(name=before).status_code, 302)
        self.assertEqual(self.now().name, before)
        self.assertEqual(self.edit_page().save(name="Cán bộ").status_code, 302)

    def test_an_address_that_is_not_typed_stays(self):
        r = self.edit_page().save(events=["locked"], unit="")

        self.assertEqual(r.status_code, 302)
        self.assertEqual((self.now().url, self.hook.events), (self.receiver.address, ["locked"]))
        self.assertEqual(AuditEvent.objects.get(event="hook-edited").detail["fields"], ["events"])

    def test_what_waits_and_is_no_longer_to_be_told_is_dropped(self):
        self.lock(self.an)
        self.lock(self.binh)
        self.unlock(self.an)
        HookMessage.objects.tell("campaign-started", {"campaign": 1}, timezone.now())
        self.act("thu")

        self.edit_page().save(events=["locked", "campaign-started"], unit=str(self.ours.pk))

        self.send()
        told = [(each["type"], each["data"].get("address")) for each in self.receiver.told]
        self.assertEqual(told, [("ping", None), ("locked", self.an.address)])

    def test_a_new_address_is_tried_at_once_whatever_comes_of_the_one_before(self):
        self.receiver.plan = [500]
        self.lock(self.an)
        self.send()
        Hook.objects.update(paused_until=None)
        on_its_way = sending.claim()
        other = Receiver()
        self.addCleanup(other.close)

        self.edit_page().save(url=other.address, events=ALL, unit="")
        sending.keep(on_its_way, sending.Answer("no-answer", taken=False))

        self.assertEqual((self.now().failures, self.hook.paused_until), (0, None))
        self.send()
        self.assertEqual(len(other.told), 1)

    def test_an_old_page_undoes_nothing_and_a_second_click_is_no_fault(self):
        old, page = self.edit_page(), self.edit_page()
        for _ in range(2):
            r = self.client.post(page.path, page.fields | {"url": "", "events": ["locked"]})
            self.assertEqual(r.status_code, 302)

        r = old.save(events=["unlocked"], unit="")

        self.assertContains(r, "Từ khi bạn mở trang này, việc được báo đã đổi")
        self.assertEqual(self.now().events, ["locked"])
        self.assertEqual(AuditEvent.objects.filter(event="hook-edited").count(), 1)
        self.assertEqual(old.save(events=["unlocked"]).status_code, 302)
        self.assertEqual(self.now().events, ["unlocked"])

    def test_an_old_page_takes_no_new_name_away(self):
        old = self.edit_page()
        self.edit_page().save(name="Một cửa", events=ALL)

        r = old.save(events=["locked"])

        self.assertContains(r, "Từ khi bạn mở trang này, tên đã đổi")
        self.assertEqual((self.now().name, self.hook.events), ("Một cửa", ALL))

    def test_a_change_is_checked_as_the_making_is(self):
        for field, value, sentence in (
            ("name", "", "Hãy đặt tên"),
            ("name", "\u200b", "Hãy đặt tên"),
            ("name", "x" * 65, "Tên dài quá 64 ký tự"),
            ("name", "gọi 0987466981", "Đừng ghi số điện thoại"),
            ("url", "http://qlcb.example.vn/", "bắt đầu bằng https://"),
            ("url", "https://u:p@x.vn/", "bỏ tên đăng nhập"),
            ("events", [], "Hãy chọn ít nhất một việc"),
            ("unit", "0", "Không có đơn vị này"),
        ):
            with self.subTest(field, value=value):
                page = self.edit_page()

                r = page.save(**{"events": ["locked"], "unit": ""} | {field: value})

                self.assertContains(r, sentence)
                self.assertEqual((self.now().events, self.hook.unit), (ALL, None))
                self.assertEqual(self.hook.url, self.receiver.address)
                self.assertEqual(self.hook.name, "Quản lý cán bộ")

    def test_one_that_has_ended_is_not_changed(self):
        page = self.edit_page()
        rules.end(self.hook.pk, by=self.huong)

        r = self.client.post(page.path, {"events": ["locked"]}, follow=True)

        self.assertContains(r, "không có gì thay đổi")
        self.assertEqual(self.now().events, ALL)
        self.assertRedirects(self.client.get(page.path), LIST)

    def test_it_is_ended_at_once_with_what_waits(self):
        self.lock(self.an)

        r = self.act("huy")

        self.assertContains(r, "không gửi gì nữa")
        self.assertFalse(HookMessage.objects.exists())
        self.send()
        self.assertEqual(self.receiver.told, [])
        for act in ("thu", "bat-tat", "khoa-ky", "huy"):
            self.assertContains(self.act(act, on="1"), "không có gì thay đổi")
        self.assertFalse(self.now().is_on)
        self.assertEqual(self.hook.url, self.receiver.address.partition("/nhan")[0])
        self.assertContains(self.client.get(f"{LIST}{self.hook.pk}/"), "127.0.0.1")
        (event,) = AuditEvent.objects.filter(event="hook-ended")
        self.assertEqual((event.actor, event.detail["hook"]), (self.huong, self.hook.name))
        self.assertContains(self.fill_in(name=self.hook.name), "Đã có webhook tên này")

    def test_what_is_wrong_is_said_beside_it_and_nothing_is_lost(self):
        for field, value, sentence in (
            ("name", "", "Hãy đặt tên"),
            ("name", "\u200b", "Hãy đặt tên"),
            ("url", "", "bắt đầu bằng https://"),
            ("url", "qlcb.example.vn/nhan", "bắt đầu bằng https://"),
            ("url", "http://qlcb.example.vn/", "bắt đầu bằng https://"),
            ("url", "http://10.1.2.3/", "bắt đầu bằng https://"),
            ("url", "ftp://qlcb.example.vn/", "bắt đầu bằng https://"),
            ("url", "https:///nhan", "bắt đầu bằng https://"),
            ("url", "https://x:70000/", "bắt đầu bằng https://"),
            ("url", "https://[::1", "bắt đầu bằng https://"),
            ("url", "https://x.vn/a b", "bắt đầu bằng https://"),
            ("url", "https://x.vn/\r\nHost: y", "bắt đầu bằng https://"),
            ("url", "https://đơn-vị.vn/", "bắt đầu bằng https://"),
            ("url", "https://u:p@x.vn/", "bỏ tên đăng nhập"),
            ("url", "https://x.vn/#a", "bỏ tên đăng nhập"),
            ("url", "https://x.vn/" + "a" * 300, "dài quá"),
            ("events", [], "Hãy chọn ít nhất một việc"),
            ("events", ["logged-in"], "logged-in"),
            ("unit", "0", "Không có đơn vị này"),
        ):
            with self.subTest(field, value=value):
                r = self.fill_in(**{field: value})

                self.assertContains(r, sentence)
                self.assertEqual(Hook.objects.count(), 1)
                if field != "name":
                    self.assertContains(r, "Hỗ trợ người dùng")


class AtOnceTests(Hooks, TransactionTestCase):
    def test_there_are_never_more_than_there_may_be(self):
        self.set_up_hooks()
        for number in range(rules.MOST_HOOKS - 2):
            self.make(f"w{number}")
        outcomes = []

        def work(number):
            try:
                self.make(f"x{number}")
            except rules.TooMany:
                outcomes.append("too many")

        at_once(work)

        self.assertEqual(outcomes, ["too many"] * 3)
        self.assertEqual(Hook.objects.filter(ended_at=None).count(), rules.MOST_HOOKS)

    def test_clicks_at_once_make_one_and_give_its_secret(self):
        self.set_up_hooks()
        secrets = []

        def work(_):
            self.make("Một cửa")
            secrets.append(self.receiver.secret)

        at_once(work)

        made = Hook.objects.get(name="Một cửa")
        self.assertEqual(secrets, [rules.secret_of(made)] * 4)
        self.assertEqual(AuditEvent.objects.filter(detail__hook="Một cửa").count(), 1)

    def test_of_those_renamed_alike_at_once_one_gets_the_name(self):
        self.set_up_hooks()
        hooks = [self.make(f"w{number}") for number in range(4)]
        outcomes = []

        def work(number):
            try:
                self.rename(hooks[number], "Một cửa")
            except rules.NameTaken:
                outcomes.append("taken")

        at_once(work)

        self.assertEqual(outcomes, ["taken"] * 3)
        self.assertEqual(Hook.objects.filter(name="Một cửa").count(), 1)

    def test_of_those_made_and_renamed_alike_at_once_one_gets_the_name(self):
        self.set_up_hooks()
        outcomes = []

        def work(number):
            try:
                if number:
                    self.make("Một cửa")  # one form, sent three times
                else:
                    self.rename(self.hook, "Một cửa")
            except rules.NameTaken:
                outcomes.append("taken")

        at_once(work)

        self.assertIn(len(outcomes), (1, 3))
        self.assertEqual(Hook.objects.filter(name="Một cửa").count(), 1)

    def test_what_happens_while_it_is_renamed_is_told_and_nothing_is_held_up_for_good(self):
        self.set_up_hooks()
        thread = threading.Thread(target=lambda: (self.lock(self.an), connection.close()))
        with transaction.atomic():
            self.rename(self.hook, "Một cửa")
            thread.start()
            wait_for(waiting_for_locks, "whoever tells this webhook")
        thread.join(PATIENCE)

        self.send()

        self.assertEqual((self.now().name, self.receiver.types), ("Một cửa", ["locked"]))

    def rename(self, hook, name):
        with transaction.atomic():
            row = rules.held(hook.pk)
            rules.edit(row, name=name, url=row.url, events=row.events, unit=row.unit, by=self.huong)

    def test_so_do_clicks_for_a_new_secret(self):
        self.set_up_hooks()
        seen = rules.mark_of(self.hook)
        secrets = set()

        def work(_):
            made = rules.replace_secret(self.hook.pk, seen=seen, by=self.huong)
            secrets.add(made.secret)

        at_once(work)

        self.assertEqual(secrets, {rules.secret_of(self.now())})


def at_once(work):
    """Have four threads begin the same at one moment."""
    start = threading.Barrier(4)

    def begin(number):
        start.wait()
        try:
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
