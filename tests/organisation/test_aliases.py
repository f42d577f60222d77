"""An account and its aliases are one: one log-in, one count, one history."""

import threading

from django.db import IntegrityError, connection, transaction
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Address, AuditEvent, MailDomain, Unit
from accounts.organisation.domains import copy_domains
from accounts.self_service.recovery import decoy_phone
from mailportal.profile import load
from otp.models import Code, Message
from tests.admin.test_staff_sending import StaffTestCase
from tests.support import cast
from tests.support.cast import CODE, LOGIN, NEW, NEW_PASSWORD, newest_code
from tests.support.clock import go_on_to_noon, let_pass
from tests.support.forms import drawn_from
from tests.support.waiting import wait_for, waiting_for_locks

ALIAS = "vanthu@hagiang.gov.vn"


class AliasTestCase(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()
        Address.objects.create(address=ALIAS, account=self.an)
        Address.objects.create(address="bi.thu@hagiang.gov.vn", account=self.binh)


class PortalTests(AliasTestCase):
    def test_it_opens_the_account(self):
        for name in ("vanthu", " VANTHU ", ALIAS.upper()):
            with self.subTest(name):
                client = Client()

                r = self.log_in(name, client=client)

                self.assertEqual((r.status_code, r.url), (302, "/"))
                self.assertEqual(client.session["_auth_user_id"], str(self.an.pk))

    def test_wrong_passwords_count_together(self):
        for n in range(10):
            self.log_in("vanthu" if n % 2 else "an", "sai")

        for name in ("an", "vanthu"):
            self.assertContains(self.log_in(name), "Đã nhập sai nhiều lần")

    def test_it_gets_the_password_back(self):
        self.ask("vanthu")
        self.assertRedirects(self.guess(newest_code()), NEW)

        self.choose()

        self.an.refresh_from_db()
        self.assertTrue(self.an.check_password(NEW_PASSWORD))

    def test_codes_count_together(self):
        """QU-04: an address more is no code more."""
        go_on_to_noon(self)
        spellings = ("vanthu", "an", " VANTHU ", ALIAS, self.an.address)
        for times, minutes in ((1, 6), (2, 6)):
            answers = [self.ask(spelling, Client()).status_code for spelling in spellings]

            self.assertEqual(answers, [302] + [200] * (len(spellings) - 1))
            self.assertEqual(Code.objects.count(), times)
            let_pass(self, minutes=minutes)

        answers = [self.ask(spelling, Client()).status_code for spelling in spellings]
        self.assertEqual(answers, [200] * len(spellings))

    def test_what_is_tried_with_it_is_in_the_accounts_history(self):
        self.log_in("vanthu", "sai")
        self.ask("vanthu")
        self.guess(cast.wrong_code())

        events = set(AuditEvent.objects.concerning(self.an).values_list("event", flat=True))

        self.assertEqual(events, {"login-failed", "code-wrong"})

    def test_what_was_tried_before_it_was_one_is_found_too(self):
        self.log_in("mot.cua", "sai")

        Address.objects.create(address="mot.cua@hagiang.gov.vn", account=self.an)

        events = AuditEvent.objects.concerning(self.an).values_list("event", flat=True)
        self.assertEqual(list(events), ["login-failed"])

    def test_what_another_did_with_it_stays_that_others(self):
        self.log_in("vanthu", client=Client(REMOTE_ADDR="203.0.113.77"))
        self.log_in("an", "sai", Client())
        Address.objects.filter(address=ALIAS).delete()
        Account.objects.filter(pk=self.an.pk).update(address="an.moi@hagiang.gov.vn")
        Address.objects.create(address=ALIAS, account=self.binh)
        Address.objects.create(address="an@hagiang.gov.vn", account=self.binh)

        self.assertFalse(AuditEvent.objects.concerning(self.binh).exists())
        self.log_in("binh")
        self.assertNotContains(self.client.get("/cau-hinh/hoat-dong/"), "203.0.113.77")

    def test_the_profile_names_all_of_ones_addresses_and_nobody_elses(self):
        self.log_in("vanthu")

        r = self.client.get("/cau-hinh/thong-tin/")

        self.assertContains(r, f'href="/cau-hinh/thong-tin/{self.an.address}/"')
        self.assertContains(r, ALIAS)
        self.assertNotContains(r, "bi.thu")


class StrangerTests(AliasTestCase):
    """EN-01: whoever asks with an alias is shown what was typed, and costs as much as all."""

    def test_the_pages_show_what_was_typed_and_not_what_it_leads_to(self):
        self.ask("vanthu")
        pages = [self.client.get(page) for page in (CODE, cast.ASK)]
        self.guess(newest_code())
        pages.append(self.client.get(NEW))

        for page in pages:
            self.assertContains(page, ALIAS)
            self.assertNotContains(page, self.an.address)

    def test_the_made_up_number_is_that_of_what_was_typed(self):
        self.ask("bi.thu")

        shown = decoy_phone("bi.thu@hagiang.gov.vn")
        self.assertContains(self.client.get(CODE), f"***{shown[-6:]}")
        self.assertNotEqual(shown, decoy_phone(self.binh.address))

    def test_every_kind_of_address_costs_the_same_statements(self):
        asking, logging_in = set(), set()
        # What the page of a log-in shows to everybody is kept for a while: read it before.
        Client().get(LOGIN)
        for name in ("an", "vanthu", "bi.thu", "binh", "chi", "khong.co"):
            asking.add(self.statements(lambda n=name: self.ask(n, Client())))
            Code.objects.all().delete()
        for name in ("an", "vanthu", "bi.thu", "chi", "khong.co", "an@gmail.com", "?", "\0"):
            logging_in.add(self.statements(lambda n=name: self.log_in(n, "sai", Client())))

        self.assertEqual((len(asking), len(logging_in)), (1, 1), (asking, logging_in))

    def statements(self, act):
        with CaptureQueriesContext(connection) as work:
            act()
        return len(work)


class DomainTests(cast.Cast, TestCase):
    """Old and new domain: folded first, then the alias is looked up."""

    def setUp(self):
        profile = load("tuyenquang")
        self.new, self.old = profile.domains
        domains = {"MAIL_DOMAINS": profile.domains, "MAIL_DOMAIN_ALIASES": profile.domain_aliases}
        self.enterContext(override_settings(**domains))
        self.set_up_people()
        Address.objects.create(address=f"vanthu@{self.new}", account=self.an)

    def test_alias_and_old_domain_together_are_the_one_account(self):
        spellings = (f"vanthu@{self.old}", f"an@{self.new}", f"VANTHU@{self.new}", "vanthu")

        answers = [self.ask(spelling, Client()).status_code for spelling in spellings]

        self.assertEqual(answers, [302, 200, 200, 200])
        self.assertEqual(Code.objects.count(), 1)
        self.assertEqual(self.log_in(f"vanthu@{self.old}").status_code, 302)

    def test_the_database_learns_the_profiles_domains(self):
        copy_domains()

        domains = dict(MailDomain.objects.values_list("name", "alias_of"))
        self.assertEqual(domains, {self.new: None, self.old: self.new})

    def test_a_domain_that_left_the_profile_is_forgotten(self):
        copy_domains()
        with override_settings(MAIL_DOMAINS=(self.old,), MAIL_DOMAIN_ALIASES={}):
            copy_domains()

        domains = dict(MailDomain.objects.values_list("name", "alias_of"))
        self.assertEqual(domains, {self.old: None})


class TableTests(AliasTestCase):
    def test_every_account_has_its_own_address_in_the_table(self):
        for account in Account.objects.all():
            main = account.addresses.get(is_main=True)
            self.assertEqual(main.address, account.address)

    def test_a_renamed_account_takes_its_main_address_along(self):
        Account.objects.filter(pk=self.an.pk).update(address="an.moi@hagiang.gov.vn")

        addresses = dict(self.an.addresses.values_list("address", "is_main"))
        self.assertEqual(addresses, {"an.moi@hagiang.gov.vn": True, ALIAS: False})

    def test_its_own_alias_may_become_the_main_address(self):
        Account.objects.filter(pk=self.an.pk).update(address=ALIAS)

        self.assertEqual(dict(self.an.addresses.values_list("address", "is_main")), {ALIAS: True})

    def test_nobody_can_be_renamed_to_somebody_elses_alias(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Account.objects.filter(pk=self.binh.pk).update(address=ALIAS)

    def test_an_address_is_its_own_where_nobody_has_it(self):
        for asked, main in (
            (ALIAS, self.an.address),
            (self.an.address, self.an.address),
            ("khong.co@hagiang.gov.vn", "khong.co@hagiang.gov.vn"),
            ("?' OR 1=1 --", "?' OR 1=1 --"),
        ):
            with self.subTest(asked), self.assertNumQueries(1):
                self.assertEqual(Account.objects.main_address(asked), main)

    def test_a_removed_account_leaves_no_address(self):
        self.an.delete()

        self.assertFalse(Address.objects.filter(address=ALIAS).exists())
        self.assertEqual(Account.objects.main_address(ALIAS), ALIAS)


@override_settings(DOVEADM_URL="https://localhost:1", DOVEADM_API_KEY="k")
class StaffTests(StaffTestCase):
    """IT adds and takes away aliases where it edits the account, and is on record."""

    def setUp(self):
        super().setUp()
        self.page = f"/quan-tri/accounts/account/{self.an.pk}/change/"

    def save(self, *new, removed=(), **more):
        kept = list(self.an.addresses.filter(is_main=False).order_by("pk"))
        rows = [(alias.pk, alias.address) for alias in kept] + [("", each) for each in new]
        data = {
            "full_name": self.an.full_name,
            "kind": "person",
            "is_active": "on",
            "addresses-TOTAL_FORMS": len(rows),
            "addresses-INITIAL_FORMS": len(kept),
        }
        for n, (pk, address) in enumerate(rows):
            row = {"id": pk, "account": self.an.pk, "address": address}
            data |= {f"addresses-{n}-{name}": value for name, value in row.items()}
            if address in removed:
                data[f"addresses-{n}-DELETE"] = "on"
        return self.client.post(self.page, data | more | drawn_from(self.client, self.page))

    def aliases(self):
        return set(self.an.addresses.filter(is_main=False).values_list("address", flat=True))

    def test_an_alias_is_added_in_its_one_spelling_and_put_on_record(self):
        self.assertEqual(self.save(" VanThu@HaGiang.gov.vn ").status_code, 302)

        self.assertEqual(self.aliases(), {ALIAS})
        event = AuditEvent.objects.get(event="aliases-changed")
        self.assertEqual((event.account, event.actor), (self.an, self.huong))
        self.assertEqual(event.detail, {"added": [ALIAS], "removed": []})

    def test_an_alias_is_taken_away_and_mail_programs_are_thrown_out(self):
        self.save(ALIAS)
        Message.objects.all().delete()

        self.save(removed=[ALIAS])

        self.assertEqual(self.aliases(), set())
        event = AuditEvent.objects.filter(event="aliases-changed").latest("pk")
        self.assertEqual(event.detail, {"added": [], "removed": [ALIAS]})
        self.assertEqual(Message.objects.get(channel="kick").to, self.an.address)

    def test_the_mailbox_is_told_of_each(self):
        self.save(ALIAS, "mot.cua@hagiang.gov.vn")
        self.save(removed=[ALIAS])

        added, removed = Message.objects.filter(channel="mail").order_by("pk")
        self.assertEqual((added.to, removed.to), (self.an.address, self.an.address))
        self.assertIn(f"Thêm: {ALIAS}\nThêm: mot.cua@hagiang.gov.vn\n\nNếu không đúng", added.text)
        self.assertNotIn("Bỏ", added.text)
        self.assertIn(f"\nBỏ: {ALIAS}\n\nNếu không đúng", removed.text)
        self.assertNotIn("Thêm", removed.text)

    def test_the_it_of_a_unit_sees_aliases_and_changes_none(self):
        unit = Unit.objects.create(name="Xã A", code="XA")
        Account.objects.filter(pk=self.an.pk).update(unit=unit)
        Address.objects.create(address=ALIAS, account=self.an)
        self.come_in(cast.make_staff("it.xa", "unit-it", unit=unit))

        self.assertContains(self.client.get(self.page), ALIAS)
        self.save("mot.cua@hagiang.gov.vn", removed=[ALIAS], unit=unit.pk)
        self.assertEqual(self.aliases(), {ALIAS})

        self.come_in(cast.make_staff("it.tinh", "province-it"))
        self.save("mot.cua@hagiang.gov.vn", removed=[ALIAS], unit=unit.pk)
        self.assertEqual(self.aliases(), {"mot.cua@hagiang.gov.vn"})

    @override_settings(
        DEFAULT_FROM_EMAIL="Cổng <tb@hagiang.gov.vn>",
        ALERT_EMAILS=["Truc.CNTT@hagiang.gov.vn", "it@example.org"],
    )
    def test_what_speaks_for_the_domain_is_refused_in_the_words_for_what_is_taken(self):
        names = "postmaster hostmaster webmaster Admin administrator abuse root tb truc.cntt binh"
        for name in names.split():
            with self.subTest(name):
                r = self.save(f"{name}@hagiang.gov.vn")

                self.assertContains(r, "đã thuộc về một tài khoản hoặc được dành riêng")
                self.assertEqual(self.aliases(), set())

    def test_one_of_these_that_is_there_already_stays_and_can_be_taken_away(self):
        Address.objects.create(address="abuse@hagiang.gov.vn", account=self.an)

        self.assertEqual(self.save().status_code, 302)
        self.assertEqual(self.aliases(), {"abuse@hagiang.gov.vn"})
        self.save(removed=["abuse@hagiang.gov.vn"])
        self.assertEqual(self.aliases(), set())

    def test_one_alias_typed_twice_is_refused_with_a_sentence(self):
        r = self.save(ALIAS, ALIAS.upper())

        self.assertEqual(r.status_code, 200)
        self.assertEqual(self.aliases(), set())

    def test_an_alias_is_not_edited_in_place(self):
        self.save(ALIAS)
        alias = Address.objects.get(address=ALIAS)
        data = {"addresses-0-id": alias.pk, "addresses-0-address": "khac"}

        self.client.post(
            self.page,
            data
            | {"full_name": "", "kind": "person", "unit": "", "is_active": "on"}
            | {"addresses-TOTAL_FORMS": 1, "addresses-INITIAL_FORMS": 1},
        )

        self.assertEqual(self.aliases(), {ALIAS})

    def test_what_is_somebody_elses_or_of_another_office_is_refused_with_a_sentence(self):
        for address, sentence in (
            (self.binh.address, "đã thuộc về một tài khoản"),
            (self.an.address.upper(), "đã thuộc về một tài khoản"),
            ("an@gmail.com", "Chỉ nhận địa chỉ thư công vụ có đuôi @hagiang.gov.vn."),
        ):
            with self.subTest(address):
                r = self.save(address)

                self.assertContains(r, sentence)
                self.assertEqual(self.aliases(), set())

    def test_a_save_that_changes_no_alias_says_nothing_of_them(self):
        self.save()

        self.assertFalse(AuditEvent.objects.filter(event="aliases-changed").exists())
        self.assertFalse(Message.objects.exists())

    def test_a_new_account_cannot_take_somebodys_alias(self):
        self.save(ALIAS)

        r = self.client.post(
            "/quan-tri/accounts/account/add/",
            {"address": ALIAS, "kind": "person"} | cast.NO_ALIASES,
        )

        self.assertContains(r, "Địa chỉ này đã thuộc về một tài khoản khác.")

    def test_an_account_is_found_by_its_alias(self):
        self.save(ALIAS)

        r = self.client.post("/ho-tro/", {"words": ALIAS, "unit": ""})

        self.assertRedirects(r, f"/ho-tro/tai-khoan/{self.an.pk}/")

    def test_those_who_may_not_change_the_account_may_not_change_its_aliases(self):
        Account.objects.filter(pk=self.an.pk).update(is_staff=True)
        Account.objects.filter(pk=self.huong.pk).update(is_superuser=False)

        self.assertEqual(self.save(ALIAS).status_code, 403)
        self.assertEqual(self.aliases(), set())

    def test_disabling_an_account_ends_its_mail_sessions(self):
        self.client.post(
            self.page,
            {"full_name": "", "kind": "person", "unit": ""}
            | cast.NO_ALIASES
            | drawn_from(self.client, self.page),
        )

        self.assertEqual(Message.objects.get().channel, "kick")

    def test_a_new_account_s_own_address_is_none_of_its_others(self):
        data = {"address": "moi@hagiang.gov.vn", "kind": "person", "is_active": "on"}
        data |= cast.NO_ALIASES | {"addresses-TOTAL_FORMS": 2}
        for typed in ("moi@hagiang.gov.vn", "MOI@hagiang.gov.vn"):
            with self.subTest(typed):
                data["addresses-0-address"] = typed
                r = self.client.post("/quan-tri/accounts/account/add/", data)
                self.assertContains(r, "đã thuộc về một tài khoản")
        self.assertFalse(Account.objects.filter(address__startswith="moi@").exists())

        data |= {"addresses-0-address": ALIAS, "addresses-1-address": "x@gmail.com"}
        r = self.client.post("/quan-tri/accounts/account/add/", data | {"address": "?"})
        self.assertEqual(r.status_code, 200)


class AtOnceTests(cast.Cast, TransactionTestCase):
    def test_an_alias_that_somebody_else_takes_meanwhile_is_refused_with_a_sentence(self):
        self.set_up_people()
        self.come_in(cast.make_staff("huong"))
        data = {"kind": "person", "is_active": "on"} | cast.NO_ALIASES
        data |= {"addresses-TOTAL_FORMS": 1, "addresses-0-account": self.an.pk}
        data |= {"addresses-0-id": "", "addresses-0-address": ALIAS}
        page = f"/quan-tri/accounts/account/{self.an.pk}/change/"
        data |= drawn_from(self.client, page)
        answers = []

        def save():
            answers.append(self.client.post(page, data))
            connection.close()

        with transaction.atomic():
            Address.objects.create(address=ALIAS, account=self.binh)
            other = threading.Thread(target=save)
            other.start()
            wait_for(waiting_for_locks, "the second to wait for the first")
        other.join()

        self.assertContains(answers[0], "đã thuộc về một tài khoản")
        self.assertEqual(Address.objects.get(address=ALIAS).account, self.binh)
