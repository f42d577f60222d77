"""The tokens of a log-in at the webmail: short-lived, renewed, stored nowhere, ended at once."""

import hashlib
import io

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.credentials.locks import lock
from accounts.models import Account, AuditEvent, WebmailLogin
from accounts.webmail import logins
from tests.support.cast import NEW_PASSWORD, PASSWORD, newest_code
from tests.support.clock import let_pass
from tests.support.crowd import at_once
from tests.webmail.signing import MAIL_SECRET, SECRET, VERIFIER, SignOn

Event = AuditEvent.Event


class RenewingTests(SignOn, TestCase):
    def test_tokens_are_short_lived_and_renewed(self):
        given = self.sign_on()
        let_pass(self, seconds=logins.ACCESS_LIFE.total_seconds())
        self.assertFalse(self.is_open(given))

        new = self.renew(given["refresh_token"]).json()

        self.assertTrue(self.is_open(new))
        self.assertNotEqual(new["refresh_token"], given["refresh_token"])
        self.assertNotIn("id_token", new)

    def test_a_renewal_that_comes_again_at_once_is_given_the_same(self):
        given = self.sign_on()
        first = self.renew(given["refresh_token"]).json()

        again = self.renew(given["refresh_token"]).json()

        self.assertEqual(again["access_token"], first["access_token"])
        self.assertEqual(again["refresh_token"], first["refresh_token"])
        self.assertTrue(self.is_open(given))

    def test_one_that_comes_again_later_ends_the_log_in(self):
        given = self.sign_on()
        new = self.renew(given["refresh_token"]).json()
        let_pass(self, seconds=logins.REPEATED.total_seconds())
        self.assertFalse(self.is_open(given))

        r = self.renew(given["refresh_token"])

        self.assertEqual((r.status_code, r.json()["error"]), (400, "invalid_grant"))
        self.assertFalse(self.is_open(new))
        self.assertEqual(self.renew(new["refresh_token"]).status_code, 400)
        self.assertFalse(self.events(Event.WEBMAIL_REUSED).get().ok)

    def test_two_turns_back_is_never_the_webmail_s_own(self):
        given = self.sign_on()
        newer = self.renew(self.renew(given["refresh_token"]).json()["refresh_token"]).json()

        self.assertEqual(self.renew(given["refresh_token"]).status_code, 400)
        self.assertFalse(self.is_open(newer))

    def test_who_is_away_for_long_logs_in_again(self):
        given = self.sign_on()
        let_pass(self, seconds=logins.IDLE.total_seconds())

        self.assertEqual(self.renew(given["refresh_token"]).status_code, 400)

    def test_it_ends_with_the_working_day(self):
        given = self.sign_on()
        for _ in range(13):
            let_pass(self, seconds=settings.SESSION_LONGEST / 12.5)
            r = self.renew(given["refresh_token"])
            if r.status_code == 400:
                break
            given = r.json()

        self.assertEqual(r.json()["error"], "invalid_grant")
        call_command("prune", stdout=io.StringIO())
        self.assertFalse(WebmailLogin.objects.exists())

    def test_a_token_opens_what_it_is_for_and_nothing_else(self):
        given = self.sign_on()

        self.assertFalse(self.introspect(given["refresh_token"])["active"])
        self.assertEqual(self.renew(given["access_token"]).status_code, 400)
        self.assertEqual(self.exchange(given["refresh_token"]).status_code, 400)
        for token in ("", "x", "0" * 32 + ".1." + "0" * 64, "a\0b", "١" * 98):
            with self.subTest(token):
                self.assertFalse(
                    self.post("introspect", {"token": token}, "mail-server", MAIL_SECRET)
                    .json()
                    .get("active")
                )
                shown = {"Authorization": "Bearer " + token.encode().hex()}
                r = Client().get("/sso/userinfo", headers=shown)
                self.assertEqual(r.status_code, 401)
        self.assertEqual(Client().get("/sso/userinfo").status_code, 401)
        told = Client().get("/sso/userinfo", {"access_token": given["access_token"]})
        self.assertEqual(told.status_code, 401)


class EndTests(SignOn, TestCase):
    """What ends the sessions of the portal ends those of the webmail."""

    def assert_ended(self, given):
        self.assertFalse(self.is_open(given))
        self.assertEqual(self.renew(given["refresh_token"]).status_code, 400)
        shown = {"Authorization": f"Bearer {given['access_token']}"}
        self.assertEqual(Client().get("/sso/userinfo", headers=shown).status_code, 401)

    def test_a_reset(self):
        given, other = self.sign_on(), self.sign_on("binh")
        self.ask()
        self.guess(newest_code())

        self.choose()

        self.assert_ended(given)
        self.assertTrue(self.is_open(other))

    def test_a_new_password(self):
        given = self.sign_on()
        self.log_in()
        words = {"password": PASSWORD}
        words |= dict.fromkeys(("new_password1", "new_password2"), NEW_PASSWORD)

        self.client.post("/cau-hinh/mat-khau/", words)

        self.assert_ended(given)

    def test_a_lock_and_a_default_password_that_has_run_out(self):
        given = self.sign_on()
        with self.subTest("over"):
            until = timezone.now()
            Account.objects.update(has_default_password=True, default_password_until=until)
            self.assertFalse(self.is_open(given))
            Account.objects.update(has_default_password=False, default_password_until=None)
            self.assertTrue(self.is_open(given))

        lock(self.an, actor=None)

        self.assert_ended(given)

    def test_an_account_that_is_closed_by_hand_in_the_database(self):
        given = self.sign_on()
        Account.objects.filter(pk=self.an.pk).update(is_active=False)

        self.assertFalse(self.is_open(given))
        self.assertEqual(self.renew(given["refresh_token"]).status_code, 400)

    def test_logging_out_everywhere(self):
        given = self.sign_on()
        self.log_in()

        self.client.post("/cau-hinh/hoat-dong/")

        self.assert_ended(given)
        self.assertEqual(self.client.get("/").status_code, 200)

    def test_a_removed_account(self):
        given = self.sign_on()

        self.an.delete()

        self.assert_ended(given)

    def test_logging_out_of_the_webmail_ends_that_alone(self):
        self.log_in()
        one, other = (self.exchange(self.come_back()["code"]).json() for _ in range(2))

        r = self.post("revoke", {"token": one["refresh_token"]})

        self.assertEqual(r.status_code, 200)
        self.assert_ended(one)
        self.assertTrue(self.is_open(other))
        self.assertEqual(self.client.get("/").status_code, 200)
        self.assertTrue(self.events(Event.WEBMAIL_CLOSED).exists())
        self.assertEqual(self.post("revoke", {"token": "x"}).status_code, 200)

    def test_logging_out_of_the_portal_leaves_the_webmail_open(self):
        self.log_in()
        given = self.exchange(self.come_back()["code"]).json()

        self.client.post("/dang-xuat/")

        self.assertTrue(self.is_open(given))


class StoredTests(SignOn, TestCase):
    def test_no_table_holds_a_code_or_a_token_or_a_part_of_it(self):
        self.log_in()
        code = self.come_back()["code"]
        given = self.exchange(code).json()
        proofs = [
            each.rpartition(".")[2]
            for each in (code, given["access_token"], given["refresh_token"], given["id_token"])
        ]
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT t::text FROM "{table}" AS t')
                stored = "\n".join(row[0] for row in cursor.fetchall())
                for proof in [*proofs, SECRET, MAIL_SECRET, VERIFIER]:
                    self.assertNotIn(proof, stored, table)
                    self.assertNotIn(hashlib.sha256(proof.encode()).hexdigest(), stored, table)

    def test_an_older_pepper_is_still_believed(self):
        given = self.sign_on()

        with override_settings(OTP_PEPPERS=["n" * 40, *settings.OTP_PEPPERS]):
            self.assertTrue(self.is_open(given))
            new = self.renew(given["refresh_token"]).json()
            self.assertTrue(self.is_open(new))
        self.assertFalse(self.is_open(new))


class AtOnceTests(SignOn, TransactionTestCase):
    """Exact, however many ask in the same moment."""

    def test_a_code_is_exchanged_once(self):
        self.log_in()
        code = self.come_back()["code"]

        answers = at_once(lambda _: self.exchange(code), 8)

        self.assertEqual(sorted(r.status_code for r in answers), [200] + [400] * 7)
        self.assertFalse(WebmailLogin.objects.exists())

    def test_a_webmail_that_renews_twice_at_once_is_given_the_same(self):
        given = self.sign_on()

        answers = at_once(lambda _: self.renew(given["refresh_token"]).json(), 8)

        self.assertEqual(len({each["access_token"] for each in answers}), 1)
        self.assertEqual(WebmailLogin.objects.get().turn, 2)

    def test_none_is_left_that_was_begun_while_the_password_changed(self):
        pages = []
        for _ in range(7):
            client = Client()
            self.log_in(client=client)
            pages.append((client, self.authorize(client).context["onward"]))

        def act(n):
            if n == 7:
                return lock(self.an, actor=None)
            client, onward = pages[n]
            return client.get(onward)

        at_once(act, 8)

        self.assertFalse(WebmailLogin.objects.exists())

    def test_nor_one_that_was_begun_while_its_owner_logged_out_everywhere(self):
        self.log_in()
        pages = []
        for _ in range(7):
            client = Client()
            self.log_in(client=client)
            pages.append((client, self.authorize(client).context["onward"]))

        def act(n):
            if n == 7:
                return self.client.post("/cau-hinh/hoat-dong/")
            client, onward = pages[n]
            return client.get(onward)

        at_once(act, 8)

        self.assertFalse(WebmailLogin.objects.exists())
