"""Every page in English, as people and staff walk through them: no Vietnamese but names."""

import datetime as dt
import re
from collections import deque
from html.parser import HTMLParser
from urllib.parse import parse_qs, unquote, urljoin, urlsplit

from django.contrib.auth.models import Group
from django.test import Client, TestCase
from django.utils import timezone

from accounts.credentials import app_passwords
from accounts.models import (
    Account,
    ActivationSlip,
    Address,
    AuditEvent,
    Campaign,
    CampaignMember,
    Custody,
    DataRequest,
    Departure,
    Device,
    FactorDemand,
    FactorProposal,
    Job,
    LoginNotice,
    MailLogin,
    PhoneCampaign,
    PhoneExcuse,
    PhoneMember,
    PhoneProposal,
    Removal,
    RemovalMember,
    Unit,
    Upkeep,
)
from mailportal.language import CHOICE, COOKIE
from tests.support import cast
from tests.support.cast import ASK, LOGIN

VIETNAMESE = re.compile("[À-ỹĐđ]")
# What stays Vietnamese in English: the name of the language, Vietnamese laws by their titles, the
# headings of files of accounts, and the examples of names of units.
MEANT = (
    "Nguyễn Anh Tuấn",  # whom to call
    "Sở Y tế/Văn phòng",
    "Sở A/Phòng B",
)
STRANGERS = (
    LOGIN,
    ASK,
    "/kich-hoat/",
    "/huong-dan/",
    "/huong-dan/cap-nhat-so-dien-thoai/",
    "/huong-dan/lay-lai-mat-khau/",
    "/huong-dan/cai-dat-thu/",
    "/quyen-rieng-tu/",
    "/kha-nang-tiep-can/",
    "/khong-co/",
)
NO_PAGES = ("/dang-xuat/", "/quan-tri/logout/", "/api/", "/static/", "/huong-dan/cai-dat-thu/thu")


class Texts(HTMLParser):
    """What somebody reads or hears on a page, outside what is marked as Vietnamese."""

    READ = ("alt", "aria-label", "title", "placeholder", "content")
    VOID = ("area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr")

    def __init__(self, page):
        super().__init__()
        self.found, self.links, self._open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        is_vietnamese = values.get("lang", "vi" if self._is_vietnamese() else "") == "vi"
        if not is_vietnamese:
            read = [name for name in values if name in self.READ or name.startswith("data-")]
            self.found += [values[name] for name in read if values[name]]
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag not in self.VOID:
            self._open.append((tag, is_vietnamese or tag in ("script", "style")))

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if not self._is_vietnamese():
            self.found.append(data)

    def _is_vietnamese(self):
        return bool(self._open) and self._open[-1][1]

    def vietnamese(self):
        for text in self.found:
            for meant in MEANT:
                text = text.replace(meant, "")
            if VIETNAMESE.search(text):
                yield " ".join(text.split())


class WalkTests(cast.Cast, TestCase):
    maxDiff = None

    def setUp(self):
        self.set_up_people()
        Account.objects.filter(pk=self.an.pk).update(full_name="Ly Van An")
        Account.objects.filter(pk=self.binh.pk).update(full_name="Vang Thi Binh")

    def browser(self):
        browser = Client()
        browser.cookies[COOKIE] = "en"
        return browser

    def walk(self, browser, *starts):
        """Follow every link from these pages; give the pages, and the Vietnamese on each of them.

        Of pages that differ in a number or in what their query asks for, one is looked at, and none
        of those that ask for two things at once.
        """
        waiting, seen, found = deque(starts), {}, {}
        while waiting:
            address = waiting.popleft()
            path, _, query = address.partition("?")
            kind = re.sub(r"\d+", "0", unquote(path)), *parse_qs(query).keys()
            if kind in seen or "&" in query or path.startswith(NO_PAGES):
                continue
            seen[kind] = address
            r = browser.get(address, follow=True)
            if "text/html" not in r.headers["Content-Type"]:
                continue
            self.assertEqual(r.headers["Content-Language"], "en", address)
            texts = Texts(r.content.decode())
            left = list(texts.vietnamese())
            if left:
                found[address] = left
            here = r.redirect_chain[-1][0] if r.redirect_chain else address
            targets = (urlsplit(urljoin(here, link)) for link in texts.links)
            waiting += [
                target._replace(fragment="").geturl()
                for target in targets
                if not target.scheme and not target.netloc and CHOICE not in target.query
            ]
        return seen, found

    def assert_walked(self, seen, found, least):
        self.assertEqual(found, {})
        self.assertGreater(len(seen), least, sorted(seen.values()))

    def test_strangers(self):
        LoginNotice.objects.create(
            text="Maintenance tonight.",
            shown_from=timezone.now() - dt.timedelta(hours=1),
            shown_until=timezone.now() + dt.timedelta(hours=1),
        )
        self.assert_walked(*self.walk(self.browser(), *STRANGERS), 10)

    def test_civil_servants(self):
        browser = self.browser()
        self.log_in(client=browser)

        self.assert_walked(*self.walk(browser, "/"), 15)

    def test_staff(self):
        self.fill()
        chief = cast.make_staff("it", full_name="Do Thi It")
        browser = self.browser()
        self.come_in(chief, client=browser)
        browser.cookies[COOKIE] = "en"
        self.assert_walked(
            *self.walk(browser, "/ho-tro/", f"/ho-tro/tai-khoan/{self.an.pk}/", "/quan-tri/"), 60
        )

    def fill(self):
        """Give the pages of the staff something to show."""
        now, today = timezone.now(), timezone.localdate()
        person = self.an
        it = cast.make_staff("it.khac", "province-it", full_name="Tran Kim")
        unit = Unit.objects.create(name="Health Department", code="HD")
        Account.objects.filter(pk__in=(self.an.pk, self.binh.pk)).update(unit=unit)
        Address.objects.create(account=person, address="an.khac@hagiang.gov.vn")
        office = cast.make("vanthu", kind="organisation", full_name="Office")
        Custody.objects.create(mailbox=office, responsible=person, decision="QD-1")
        self.ask("an", client=Client())
        self.log_in("an", "wrong", client=Client())
        for event in AuditEvent.Event:
            AuditEvent.record(event, person, actor=it, why="a reason")
        PhoneProposal.objects.create(
            account=person,
            phone="+84912000666",
            phone_masked="***666",
            evidence="x",
            ticket="1",
            proposed_by=it,
        )
        FactorProposal.objects.create(account=person, evidence="x", ticket="1", proposed_by=it)
        DataRequest.objects.create(account=person, kind="correct", text="x", due_on=today)
        campaign = Campaign.objects.create(name="A campaign", basis="x", first_day=today)
        CampaignMember.objects.create(campaign=campaign, account=self.em)
        Campaign.objects.create(name="A plan", basis="x", first_day=today)
        phones = PhoneCampaign.objects.create(
            name="Numbers",
            basis="x",
            kinds=["person"],
            postponements=1,
            reminder_days=[today],
            asked_first_from=today,
        )
        PhoneMember.objects.create(campaign=phones, account=self.binh, postponements_left=1)
        PhoneExcuse.objects.create(account=self.em, reason="x", excused_by=it)
        ActivationSlip.objects.create(account=self.binh, pepper_id="x", good_until=now, given_by=it)
        Departure.objects.create(
            account=self.chi, last_day=today, sentence="x", why="x", planned_by=it
        )
        removal = Removal.objects.create(why="x", proposed_by=it)
        RemovalMember.objects.create(
            removal=removal, account=self.dung, unit=unit, was_locked=False, was_active=True
        )
        MailLogin.objects.create(
            account=person, local_day=today, client="192.0.2.1", protocol="imap"
        )
        app_passwords.make(person, "phone")
        Device.objects.create(account=person, token_name="x", browser="Chrome trên Windows")
        Job.objects.create(kind="lock", state="done", actor=it, accounts=[person.pk])
        for role in Group.objects.all()[:1]:
            FactorDemand.objects.create(role=role, from_day=today)
        Upkeep.objects.filter(name="prune").update(failures=2, reason="x")
