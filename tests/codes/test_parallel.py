"""The same thing asked forty times in the same moment happens as often as the rule allows.

Each of these tests fails when the lock, the ON CONFLICT or the WHERE it is about is taken out.
Where a limit changes a row, the row is there before the crowd: from an empty table a missing lock
would not be seen.
"""

import contextlib
import datetime as dt
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import connection, transaction
from django.test import Client, TransactionTestCase, override_settings
from django.utils import timezone

from accounts.access.login import FAILURES
from accounts.credentials import locks
from accounts.credentials.hashers import BoundedArgon2Hasher
from accounts.models import Account, AuditEvent
from otp import codes, outbox
from otp.codes import Verdict
from otp.counting import limits
from otp.models import GUESSES, Code, Message, Meter, Purpose
from tests.support import cast
from tests.support.cast import ASK, CODE, LOGIN, NEW, newest_code, wrong_code
from tests.support.clock import let_pass
from tests.support.crowd import CROWD, at_once
from tests.support.waiting import PATIENCE, wait_for, waiting_for_locks

Event = AuditEvent.Event


def browser(n=0, *, like=None):
    """Give a browser at an address of its own, or a further window of the browser `like`."""
    client = Client(REMOTE_ADDR=f"198.51.100.{n + 1}", raise_request_exception=False)
    if like is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = like.cookies[
            settings.SESSION_COOKIE_NAME
        ].value
    return client


def answers(responses):
    """Count the answers by status and where they lead."""
    return Counter((r.status_code, r.headers.get("Location", "")) for r in responses)


def happened(event):
    return AuditEvent.objects.filter(event=event).count()


class Crowd(cast.Cast, TransactionTestCase):
    def setUp(self):
        self.set_up_people()

    def assert_no_fault(self, responses):
        statuses = Counter(r.status_code for r in responses)
        self.assertFalse([status for status in statuses if status >= 500], statuses)


class AskTests(Crowd):
    def test_one_address_gets_one_code(self):
        for name in ("an", "khong.co"):
            for earlier in (0, 1):
                with self.subTest(name, codes_before=earlier):
                    self.asked_at_once(name)
                    # The second time there is a row already, of yesterday.
                    let_pass(self, days=1)

    def asked_at_once(self, name):
        rows, messages, sent = Code.objects.count(), Message.objects.count(), cast.queued()

        responses = at_once(lambda n: self.ask(name, browser(n)))

        self.assertEqual(answers(responses), {(302, CODE): 1, (200, ""): CROWD - 1})
        self.assertEqual(Code.objects.count(), rows + 1)
        self.assertEqual(Message.objects.count(), messages + 1)
        self.assertEqual(cast.queued(), sent + (name == "an"))

    def test_one_browser_that_clicks_on_gets_one_code(self):
        session = self.client.session
        session["seen"] = True
        session.save()
        self.client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key

        responses = at_once(lambda n: self.ask("an", browser(n, like=self.client)))

        self.assert_no_fault(responses)
        self.assertEqual((Code.objects.count(), cast.queued()), (1, 1))

    def test_many_addresses_of_one_number_share_its_cap(self):
        now = timezone.now()
        for n in range(CROWD + 1):
            cast.make(f"chung{n}", phone="+84912000444", phone_confirmed_at=now)
        self.ask(f"chung{CROWD}", browser(CROWD))

        responses = at_once(lambda n: self.ask(f"chung{n}", browser(n)))

        self.assertEqual(answers(responses), {(302, CODE): CROWD})
        self.assertEqual(cast.queued(), codes.NUMBER_CAP.count)
        self.assertEqual(Code.objects.count(), CROWD + 1)

    def test_one_caller_is_let_through_so_many_times(self):
        allowed = 20
        # One post before: the meter is there, as for everybody but the first of a period.
        self.ask("", browser())

        responses = at_once(lambda n: self.ask(f"nguoi{n}", browser()))

        self.assertEqual(answers(responses), {(302, CODE): allowed - 1, (429, ""): CROWD - 19})
        self.assertEqual(Code.objects.count(), allowed - 1)

    def test_a_meter_that_is_not_there_yet_counts_exactly(self):
        limit = limits.Limit("crowd", 7, dt.timedelta(minutes=1))

        charges = at_once(lambda n: limits.charge(limit, "an"))

        self.assertEqual(sum(charge.granted for charge in charges), limit.count)
        self.assertEqual(Meter.objects.get().count, limit.count)


class GuessTests(Crowd):
    def test_five_wrong_guesses_are_looked_at(self):
        for name in ("an", "khong.co"):
            with self.subTest(name):
                client = Client()
                self.ask(name, client)
                wrong = wrong_code()
                looked_at, late = happened(Event.CODE_WRONG), happened(Event.CODE_SPENT)

                responses = at_once(
                    lambda n, like=client, wrong=wrong: self.guess(wrong, browser(n, like=like))
                )

                self.assert_no_fault(responses)
                self.assertEqual(Code.objects.latest("issued_at").attempts, GUESSES)
                self.assertEqual(happened(Event.CODE_WRONG) - looked_at, GUESSES)
                self.assertEqual(happened(Event.CODE_SPENT) - late, CROWD - GUESSES)

    def test_a_right_code_is_taken_once(self):
        self.ask()
        right = newest_code()

        responses = at_once(lambda n: self.guess(right, browser(n, like=self.client)), GUESSES)

        self.assertEqual(happened(Event.CODE_RIGHT), 1)
        self.assertEqual(answers(responses), {(302, NEW): GUESSES})
        self.assertEqual(Code.objects.get().attempts, 1)

    def test_a_right_code_is_taken_once_by_the_rule_itself(self):
        """The page's session serves one at a time; the rule must not lean on it."""
        code_id, right = self.sent_code()

        found = self.verdicts(code_id, *[right] * CROWD)

        self.assertEqual(found, {Verdict.RIGHT: 1, Verdict.SPENT: CROWD - 1})

    def test_a_right_code_among_wrong_ones_buys_no_further_guess(self):
        for _ in range(3):
            code_id, right = self.sent_code()
            guesses = [right, *["-" * 6] * (CROWD - 1)]

            found = self.verdicts(code_id, *guesses)

            taken = Code.objects.get(pk=code_id)
            self.assertEqual(found[Verdict.RIGHT], int(taken.verified_at is not None))
            self.assertEqual(found[Verdict.WRONG], taken.attempts - found[Verdict.RIGHT])
            self.assertLessEqual(taken.attempts, GUESSES)

    def test_ten_wrong_guesses_in_a_row_are_counted_exactly(self):
        for guesses in (5, 10):
            code_id, _right = self.sent_code("an@example.vn")

            self.verdicts(code_id, *["x"] * CROWD)

            streak = Meter.objects.get(key__startswith="streak:")
            self.assertEqual(streak.count, guesses)
            let_pass(self, hours=23)
        self.assertLess(streak.until, timezone.now() + codes.CLOSED_FOR)
        self.assertTrue(codes.issue("an@example.vn", Purpose.RECOVERY, nonce="n").closed)

    def verdicts(self, code_id, *guesses):
        """Count what the rule answers to these guesses, made at once."""

        def verify(n):
            return codes.verify(code_id, Purpose.RECOVERY, guesses[n], nonce="n").verdict

        return Counter(at_once(verify, len(guesses)))

    def sent_code(self, address=None):
        address = address or f"{uuid.uuid4().hex}@example.vn"
        with transaction.atomic():
            issued = outbox.send_code(
                address, Purpose.RECOVERY, to="+84912466981", text="{code}", nonce="n"
            )
        row = Code.objects.get(pk=issued.id)
        return row.pk, codes.digits(row.pk, row.pepper_id)


# Places for every hash: what is looked at here is who gets one, not how long it takes.
@override_settings(HASH_QUEUE=PATIENCE)
class PasswordTests(Crowd):
    def test_a_grant_changes_the_password_once(self):
        self.ask()
        self.guess(newest_code())
        chosen = [f"Cay-khe-{n}-truoc-san" for n in range(CROWD)]

        responses = at_once(lambda n: self.choose(chosen[n], browser(n, like=self.client)))

        # Those that come too late are led back, to the step that the browser's session is at then.
        self.assertEqual({r.status_code for r in responses}, {302})
        self.assertEqual([r.url for r in responses].count(LOGIN), 1)
        self.assertEqual(happened(Event.PASSWORD_RESET), 1)
        notices = Message.objects.filter(code=None).values_list("channel", flat=True)
        self.assertEqual(sorted(notices), ["mail", "sms"])
        winner = next(n for n, r in enumerate(responses) if r.url == LOGIN)
        self.assertTrue(Account.objects.get(address=self.an.address).check_password(chosen[winner]))

    def test_the_same_password_sent_again_changes_it_once_and_is_no_fault(self):
        self.ask()
        self.guess(newest_code())

        responses = at_once(lambda n: self.choose(client=browser(n, like=self.client)), 10)

        self.assertEqual(answers(responses), {(302, LOGIN): 10})
        self.assertEqual(happened(Event.PASSWORD_RESET), 1)

    def test_so_many_wrong_passwords_are_hashed_and_no_more(self):
        for name in ("an", "binh", "khong.co"):
            with self.subTest(name), counted_hashes() as hashes:
                failed, held = happened(Event.LOGIN_FAILED), happened(Event.LOGIN_HELD)
                self.log_in(name, "sai", browser(CROWD))

                responses = at_once(lambda n, name=name: self.log_in(name, "sai", browser(n)))

                self.assertEqual(answers(responses), {(200, ""): CROWD})
                self.assertEqual(hashes(), FAILURES.count)
                self.assertEqual(happened(Event.LOGIN_FAILED) - failed, FAILURES.count)
                self.assertEqual(happened(Event.LOGIN_HELD) - held, 1)

    def test_a_change_and_a_lock_at_the_same_moment_do_not_wait_for_each_other(self):
        """The one that holds the account must not wait for the one that holds the code."""
        self.ask()
        self.guess(newest_code())
        self.log_in(client=browser(1))
        it = cast.make("it")

        with self.session_held() as (begin, waiting):
            locked = begin(lambda: locks.lock(self.an, actor=it))
            waiting(1)
            chosen = begin(lambda: self.choose(client=browser(2, like=self.client)))
            waiting(2)

        self.assertTrue(locked.result())
        self.assertEqual((chosen.result().status_code, chosen.result().url), (302, ASK))
        self.assertEqual(happened(Event.PASSWORD_RESET), 0)

    @contextlib.contextmanager
    def session_held(self):
        """Hold the row of An's session, so that whoever ends it stops half-way."""

        def begin(act):
            def run():
                with contextlib.closing(connection):
                    return act()

            return threads.submit(run)

        def waiting(count):
            wait_for(lambda: waiting_for_locks() >= count, f"{count} who wait for a lock")

        with ThreadPoolExecutor(2) as threads, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM accounts_session WHERE account_id IS NOT NULL FOR UPDATE")
            yield begin, waiting


@override_settings(HASH_QUEUE=PATIENCE)
class ChangeTests(Crowd):
    def test_two_clicks_change_the_password_once_and_both_lead_home(self):
        self.log_in()
        typed = {
            "password": cast.PASSWORD,
            "new_password1": cast.NEW_PASSWORD,
            "new_password2": cast.NEW_PASSWORD,
        }
        clicks = [browser(n, like=self.client) for n in range(4)]

        responses = at_once(lambda n: clicks[n].post("/cau-hinh/mat-khau/", typed), 4)

        self.assertEqual(answers(responses), {(302, "/"): 4})
        self.assertEqual([click.get("/").status_code for click in clicks], [200] * 4)
        self.assertEqual(happened(Event.PASSWORD_CHANGED), 1)

    def test_a_click_that_comes_after_the_first_was_answered_leads_home_too(self):
        self.log_in()
        typed = {
            "password": cast.PASSWORD,
            "new_password1": cast.NEW_PASSWORD,
            "new_password2": cast.NEW_PASSWORD,
        }
        first, second, thief = (browser(n, like=self.client) for n in range(3))
        first.post("/cau-hinh/mat-khau/", typed)

        r = second.post("/cau-hinh/mat-khau/", typed)

        self.assertEqual((r.status_code, r.url), (302, "/"))
        self.assertEqual(second.get("/").status_code, 200)
        self.assertEqual(thief.get("/").status_code, 302)
        typed["new_password1"] = typed["new_password2"] = "Cay-khac-truoc-san-9"
        self.assertEqual(thief.post("/cau-hinh/mat-khau/", typed).url[:11], LOGIN)
        self.assertEqual(happened(Event.PASSWORD_CHANGED), 1)


class PhoneTests(Crowd):
    def setUp(self):
        super().setUp()
        self.log_in()
        self.page = f"/cau-hinh/thong-tin/{self.an.address}/"

    def test_one_of_many_new_numbers_is_written_to(self):
        responses = at_once(
            lambda n: browser(n, like=self.client).post(self.page, {"phone": f"09120005{n:02}"})
        )

        self.assertEqual(
            answers(responses), {(302, f"{self.page}xac-thuc/"): 1, (200, ""): CROWD - 1}
        )
        sent = Message.objects.get()
        self.an.refresh_from_db()
        self.assertEqual(self.an.new_phone, sent.to)
        self.assertEqual(happened(Event.PHONE_ASKED), 1)

    def test_a_new_number_is_put_in_force_once(self):
        self.client.post(self.page, {"phone": "0912000555"})
        right = newest_code()

        responses = at_once(
            lambda n: browser(n, like=self.client).post(f"{self.page}xac-thuc/", {"code": right}),
            GUESSES,
        )

        self.assertEqual(answers(responses), {(302, "/cau-hinh/thong-tin/"): GUESSES})
        self.an.refresh_from_db()
        self.assertEqual((self.an.phone, self.an.old_phone), ("+84912000555", "+84987466981"))
        self.assertEqual(happened(Event.PHONE_CHANGED), 1)
        told = Message.objects.filter(code=None).values_list("channel", flat=True)
        self.assertEqual(sorted(told), ["mail", "sms"])


class FaultTests(Crowd):
    """OT-08: nothing that goes wrong after the charge gives the attempt back."""

    def test_a_fault_after_the_charge_does_not_give_the_attempt_back(self):
        self.ask()
        with self.audit_out_of_order():
            for attempts in (1, 2, 3):
                r = self.guess(wrong_code(), browser(like=self.client))

                self.assertEqual(r.status_code, 500)
                self.assertEqual(Code.objects.get().attempts, attempts)
        self.assertEqual(Meter.objects.get(key__startswith="streak:").count, 3)

    def test_a_fault_after_a_wrong_password_does_not_give_the_try_back(self):
        with self.audit_out_of_order():
            self.assertEqual(self.log_in(password="sai", client=browser()).status_code, 500)

        self.assertEqual(Meter.objects.get(key__startswith="login:").count, 1)

    def test_in_a_transaction_that_could_be_rolled_back_nothing_is_compared(self):
        issued = codes.issue("an@example.vn", Purpose.RECOVERY, nonce="n")

        with self.assertRaises(RuntimeError), transaction.atomic():
            codes.verify(issued.id, Purpose.RECOVERY, "000000", nonce="n")

        self.assertFalse(settings.DATABASES["default"].get("ATOMIC_REQUESTS"))

    @contextlib.contextmanager
    def audit_out_of_order(self):
        """Let the audit trail refuse what comes, as a full disk would."""
        execute(
            "CREATE TRIGGER out_of_order BEFORE INSERT ON accounts_auditevent"
            " FOR EACH ROW EXECUTE FUNCTION accounts_audit_refuses_change()"
        )
        try:
            yield
        finally:
            execute("DROP TRIGGER out_of_order ON accounts_auditevent")


class CountingHasher(BoundedArgon2Hasher):
    done: list[str] = []

    def encode(self, *args, **kwargs):
        self.done.append("encode")
        return super().encode(*args, **kwargs)

    def verify(self, *args, **kwargs):
        self.done.append("verify")
        return super().verify(*args, **kwargs)


@contextlib.contextmanager
def counted_hashes():
    """Count how often a password was hashed, whatever for."""
    CountingHasher.done.clear()
    with override_settings(PASSWORD_HASHERS=["tests.codes.test_parallel.CountingHasher"]):
        yield lambda: len(CountingHasher.done)


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
