"""The directory keeps the passwords: log-in, reset and change go through to a real OpenLDAP."""

import socket
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import directory
from accounts.access.login import FAILURES
from accounts.models import Account, AuditEvent
from mailportal.log import JsonFormatter
from otp.counting import limits
from otp.models import Message, Meter
from tests.support import cast
from tests.support.cast import LOGIN, NEW, NEW_PASSWORD, PASSWORD, newest_code
from tests.support.programs import deployment, slapd

WRONG = "Tên đăng nhập hoặc mật khẩu chưa đúng."
AWAY = "Máy chủ thư chưa trả lời nên chưa kiểm tra được mật khẩu. Hãy thử lại sau ít phút."
NOT_WRITTEN = "Máy chủ thư chưa nhận mật khẩu mới, hãy thử lại sau ít phút."
CHANGE = "/cau-hinh/mat-khau/"
SHORT = "Xa9-kqzt"  # enough for the portal's policy, not for the directory's

ENTRIES = "".join(
    [
        slapd.entry("an", mobile="0987 466 981"),
        slapd.entry("binh"),
        slapd.entry("chi"),
        slapd.entry("dung"),
        slapd.entry("em"),
        slapd.entry("hai", mail=["hai@hagiang.gov.vn", "doi@hagiang.gov.vn"]),
        slapd.entry("doi"),
        slapd.entry("khong.ai", "Mot-mat-khau-khong-ai-biet-5"),
    ]
)


@pytest.mark.program("slapd")
@pytest.mark.package("ldap")
class Directory(cast.Cast):
    """A mixin: everybody's password is in the directory, and none here."""

    def setUp(self):
        self.server = slapd.Slapd(ENTRIES)
        self.addCleanup(self.server.remove)
        self.use()
        self.set_up_people()
        for account in Account.objects.all():
            account.set_unusable_password()
            account.save()

    def use(self, **changes):
        """Have the portal ask this server, or another in its place."""
        override = override_settings(**self.server.settings(**changes))
        override.enable()
        self.addCleanup(override.disable)
        directory.ask_again()
        self.addCleanup(directory.ask_again)

    def failures(self, name="an"):
        """Count the wrong passwords that an address is charged with."""
        row = Meter.objects.filter(key=limits.key_of(FAILURES, f"{name}@hagiang.gov.vn")).first()
        return row.count if row else 0

    def verify(self):
        """Go as far as the right code."""
        self.ask()
        self.assertEqual(self.guess(newest_code()).url, NEW)


def a_silent_port(case):
    """Give the port of a server that takes connections and never says a word."""
    silent = socket.create_server(("127.0.0.1", 0))
    case.addCleanup(silent.close)
    return silent.getsockname()[1]


class LogInTests(Directory, TestCase):
    def test_no_entry_opens_an_account_that_has_its_password_here(self):
        """Such an account is asked for by no name; an entry may call itself anything."""
        self.server.stop()
        self.server.load(slapd.entry("la", "Mot-mat-khau-la-8", mail=["-"]))
        self.server.start()
        cast.make("huong", is_staff=True)

        r = self.log_in("huong", "Mot-mat-khau-la-8")

        self.assertContains(r, "chưa đúng")

    def test_the_directory_s_password_opens_and_no_other(self):
        self.assertContains(self.log_in(password="Sai-mat-khau-8"), WRONG)

        self.assertRedirects(self.log_in(), "/")

        self.assertEqual(self.failures(), 1)

    def test_whatever_is_wrong_one_sentence_says_so(self):
        for name, password in (
            ("an", PASSWORD.lower()),
            ("chi", PASSWORD),
            ("dung", PASSWORD),
            ("khong.co", PASSWORD),
            ("an@gmail.com", PASSWORD),
            ("an", f"{PASSWORD}\x00"),
            ("an", f"\x00{PASSWORD}"),
            ("an", PASSWORD * 1000),
            ("doi", PASSWORD),  # two entries have this address: nobody can say whose it is
        ):
            with self.subTest(name=name, password=password[:20]):
                self.assertContains(self.log_in(name, password), WRONG)

    def test_no_password_is_no_way_in(self):
        # To a directory, a name without a password is a log-in as nobody, and a success.
        self.assertFalse(self.an.check_password(""))

    def test_an_entry_without_an_account_here_does_not_open(self):
        self.em.delete()

        self.assertContains(self.log_in("em"), WRONG)

    def test_nothing_is_found_by_what_is_not_a_name(self):
        for typed in ("*", "a*", "*)(uid=*", "an)(|(mail=*", "an\\2a", "(&)"):
            with self.subTest(typed):
                self.assertContains(self.log_in(typed), WRONG)
                self.assertFalse(directory.opens(typed, PASSWORD))
                self.assertFalse(directory.opens(f"{typed}@hagiang.gov.vn", PASSWORD))

    def test_a_filter_may_ask_for_the_bare_name(self):
        self.use(DIRECTORY_FILTER="(&(objectClass=inetOrgPerson)(uid={name}))")

        self.assertRedirects(self.log_in(), "/")

        self.assertContains(self.log_in("*", client=Client()), WRONG)

    def test_an_unknown_name_binds_too(self):
        self.use(DIRECTORY_NOBODY_DN=f"uid=khong.ai,{slapd.PEOPLE}")
        self.server.stop()
        self.server.start("stats")
        self.log_in("khong.co")
        self.log_in("an", "Sai-mat-khau-8")
        self.server.stop()

        # The portal's own first, each time; then nobody's, and An's.
        self.assertEqual(
            self.server.binds(),
            [slapd.PORTAL, f"uid=khong.ai,{slapd.PEOPLE}", slapd.PORTAL, f"uid=an,{slapd.PEOPLE}"],
        )

    def test_nobody_s_own_password_opens_nothing(self):
        self.use(DIRECTORY_NOBODY_DN=f"uid=khong.ai,{slapd.PEOPLE}")

        self.assertContains(self.log_in("khong.co", "Mot-mat-khau-khong-ai-biet-5"), WRONG)

    def test_a_password_that_is_kept_here_opens_here(self):
        cast.make("it")

        self.assertRedirects(self.log_in("it"), "/")

    def test_the_memo_s_campaign_goes_on_here(self):
        self.log_in("em")

        self.assertRedirects(self.client.get("/"), CHANGE)


class ResetTests(Directory, TestCase):
    def test_a_reset_changes_the_directory_s_password(self):
        self.verify()

        self.assertRedirects(self.choose(), LOGIN)

        self.assertContains(self.log_in(password=PASSWORD), WRONG)
        self.assertRedirects(self.log_in(password=NEW_PASSWORD), "/")
        self.assertRegex(self.server.read("an", "userPassword")[0], r"^\{ARGON2\}")

    def test_no_password_is_kept_here(self):
        self.verify()
        self.choose()

        self.an.refresh_from_db()
        self.assertFalse(self.an.has_usable_password())
        self.assertIsNotNone(self.an.password_changed_at)

    def test_other_sessions_end(self):
        elsewhere = Client()
        self.log_in(client=elsewhere)
        self.verify()
        self.choose()

        self.assertRedirects(elsewhere.get("/"), f"{LOGIN}?next=/")

    def test_a_double_click_does_no_harm(self):
        self.verify()

        for _ in range(2):
            self.assertRedirects(self.choose(), LOGIN)

        self.assertEqual(AuditEvent.objects.filter(event="password-reset").count(), 1)

    def test_a_failed_write_costs_nothing_and_changes_nothing(self):
        before = Account.objects.filter(pk=self.an.pk).values().get()
        elsewhere = Client()
        self.log_in(client=elsewhere)
        self.verify()
        events, messages = AuditEvent.objects.count(), Message.objects.count()
        self.server.stop()

        r = self.choose()

        self.assertContains(r, NOT_WRITTEN)
        self.assertEqual(r.status_code, 200)
        after = Account.objects.filter(pk=self.an.pk).values().get()
        self.assertEqual(before | {"last_login": None}, after | {"last_login": None})
        self.assertEqual((AuditEvent.objects.count(), Message.objects.count()), (events, messages))
        self.assertEqual(elsewhere.get("/").status_code, 200)

        # The same verified state, once the server is back.
        self.server.start()
        directory.ask_again()
        self.assertRedirects(self.choose(), LOGIN)
        self.assertRedirects(self.log_in(password=NEW_PASSWORD), "/")

    def test_a_write_that_fails_at_the_last_moment_costs_nothing_either(self):
        self.verify()
        self.server.stop()
        # It may find and may not write.
        self.server.forbid_writing()
        self.server.start()

        self.assertContains(self.choose(), NOT_WRITTEN)

        self.assertFalse(AuditEvent.objects.filter(event="password-reset").exists())
        self.server.stop()
        self.server.permit_writing()
        self.server.start()
        directory.ask_again()
        self.assertRedirects(self.choose(), LOGIN)

    def test_what_the_server_s_policy_refuses_is_said_with_what_to_do(self):
        self.verify()

        r = self.choose(SHORT)

        self.assertContains(r, "Máy chủ thư cần mật khẩu dài hơn. Hãy ghép 4 từ")
        self.assertContains(r, "<title>Lỗi: Nhập mật khẩu mới")
        self.assertNotContains(r, SHORT)
        self.assertRedirects(self.choose(), LOGIN)

    def test_an_old_password_is_refused_by_the_server(self):
        for password in (NEW_PASSWORD, "Mot-cau-khac-han-8"):
            with directory.entry_of(self.an.address) as entry:
                entry.set_password(password)
        self.verify()

        self.assertContains(self.choose(NEW_PASSWORD), "Mật khẩu này đã dùng trước đây.")

        self.assertRedirects(self.choose("Lai-mot-cau-khac-6"), LOGIN)

    def test_an_answer_that_was_lost_does_not_refuse_the_same_password(self):
        with directory.entry_of(self.an.address) as entry:
            entry.set_password(NEW_PASSWORD)
        self.verify()

        self.assertRedirects(self.choose(NEW_PASSWORD), LOGIN)

    def test_an_entry_that_is_gone_is_not_the_person_s_fault(self):
        self.verify()
        self.use(DIRECTORY_BASE=f"ou=khong,{slapd.BASE}")

        self.assertContains(self.choose(), NOT_WRITTEN)

    def test_nothing_is_locked_while_the_server_is_looked_for(self):
        self.verify()
        port = a_silent_port(self)
        self.use(DIRECTORY=f"ldap://127.0.0.1:{port}", DIRECTORY_TIMEOUTS=(0.1, 0.1))

        with CaptureQueriesContext(connection) as queries:
            self.choose()

        self.assertFalse([each for each in queries if "FOR UPDATE" in each["sql"]])

    def test_a_change_goes_through_too(self):
        self.log_in()

        r = self.client.post(
            CHANGE,
            {"password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
        )

        self.assertRedirects(r, "/")  # and this session goes on
        self.assertRedirects(self.log_in(password=NEW_PASSWORD, client=Client()), "/")

    def test_a_change_that_was_refused_keeps_the_session(self):
        self.log_in("em")

        r = self.client.post(
            CHANGE, {"password": PASSWORD, "new_password1": SHORT, "new_password2": SHORT}
        )

        self.assertContains(r, "Máy chủ thư cần mật khẩu dài hơn.")
        # Still the default one, and still the page that says so.
        self.assertContains(r, "Tài khoản đang dùng mật khẩu mặc định.")
        self.assertContains(self.client.get(CHANGE), "Tài khoản đang dùng mật khẩu mặc định.")


class ActiveDirectoryTests(Directory, TestCase):
    """What can be seen of it without one: the attribute and its spelling, and what it says."""

    def setUp(self):
        super().setUp()
        self.use(DIRECTORY_KIND="ad")
        self.server.stop()
        self.server.load(slapd.entry("muc", objectClass=["inetOrgPerson", "extensibleObject"]))
        self.server.start()
        self.muc = cast.make("muc", phone="+84912000777", phone_confirmed_at=timezone.now())
        self.muc.set_unusable_password()
        self.muc.save()

    def test_a_password_is_written_as_it_wants_it(self):
        self.ask("muc")
        self.guess(newest_code())

        self.assertRedirects(self.choose(), LOGIN)

        (value,) = self.server.read("muc", "unicodePwd", text=False)
        self.assertEqual(value.decode("utf-16-le"), f'"{NEW_PASSWORD}"')

    def test_its_policy_is_told_from_other_refusals(self):
        import ldap

        from accounts.directory import conversation

        for info, reason in (
            ("0000052D: SvcErr: DSID-031A124C, problem 5003 (WILL_NOT_PERFORM), data 0", "policy"),
            ("0000001F: SvcErr: DSID-031A126A, problem 5003 (WILL_NOT_PERFORM), data 0", ""),
        ):
            with self.subTest(info):
                refused = ldap.UNWILLING_TO_PERFORM({"info": info})
                self.assertEqual(conversation._reason(refused), reason)


class SecretsTests(Directory, TestCase):
    """PW-10: no password in a log, an argument or what slapd notes down."""

    def test_no_log_and_no_argument_holds_a_password(self):
        self.use(DIRECTORY=f"ldaps://127.0.0.1:{self.server.tls_port}")
        self.server.stop()
        self.server.start("stats")
        with self.assertLogs(level="DEBUG") as logs:
            self.log_in()
            self.log_in(password="Sai-mat-khau-8", client=Client())
            self.verify()
            self.choose(SHORT)
            self.choose()
            arguments = [
                file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()
            ]
            self.server.stop()
            self.log_in(client=Client())

        said = "\n".join(map(JsonFormatter().format, logs.records)) + self.server.said()
        self.assertIn("the directory", said)
        for secret in (PASSWORD, NEW_PASSWORD, SHORT, "Sai-mat-khau-8", slapd.PORTAL_PASSWORD):
            with self.subTest(secret):
                self.assertNotIn(secret, said)
                self.assertNotIn(secret.encode(), b"\n".join(arguments))


class DeploymentTests(Directory, TransactionTestCase):
    """gunicorn, the settings of a deployment, and the directory over TLS."""

    def test_a_person_logs_in_and_changes_the_password(self):
        secret = self.server.folder / "bind-password"
        secret.write_text(slapd.PORTAL_PASSWORD + "\n")
        names = ("BASE", "BIND_DN", "CA_FILE", "PHONE_ATTRIBUTE")
        given = {f"DIRECTORY_{name}": self.server.settings()[f"DIRECTORY_{name}"] for name in names}
        portal = deployment.Server(
            DIRECTORY=f"ldaps://127.0.0.1:{self.server.tls_port}",
            DIRECTORY_BIND_PASSWORD_FILE=str(secret),
            LOG_LEVEL="DEBUG",
            **given,
        )
        self.addCleanup(portal.end)
        an = deployment.Visitor(portal)

        an.post(LOGIN, username="an", password=PASSWORD)
        again = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
        an.post(CHANGE, password=PASSWORD, **again)

        self.assertIn("Đã đổi mật khẩu.", an.seen[-1])
        self.assertFalse(directory.opens(self.an.address, PASSWORD))
        self.assertTrue(directory.opens(self.an.address, NEW_PASSWORD))
        for secret in (PASSWORD, NEW_PASSWORD, slapd.PORTAL_PASSWORD):
            self.assertNotIn(secret, portal.log())
