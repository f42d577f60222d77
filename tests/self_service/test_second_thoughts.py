"""What happens at nearly the same time, or soon after, does not undo what a person did."""

import datetime as dt

from argon2 import PasswordHasher
from django.test import TestCase, override_settings
from django.utils import timezone

from accounts.access.sessions import SessionStore
from accounts.models import Account, Session
from accounts.self_service.phone_change import AlreadyInForce, PhoneChange
from tests.support import cast
from tests.support.cast import NEW_PASSWORD, newest_code, wind_back

OWN = "/cau-hinh/thong-tin/an@hagiang.gov.vn/"
FIRST, SECOND, THIRD = "+84987466981", "0912 345 678", "0912 345 679"


@override_settings(RATELIMIT_ENABLE=False)
class SecondThoughtsTests(cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def change_phone(self, phone):
        self.client.post(OWN, {"phone": phone})
        self.client.post(f"{OWN}xac-thuc/", {"code": newest_code()})
        self.an.refresh_from_db()

    def test_a_reset_ends_the_hold_of_wrong_passwords(self):
        for _ in range(11):
            self.log_in(password="sai")
        self.ask()
        self.guess(newest_code())
        self.choose()

        r = self.log_in(password=NEW_PASSWORD)

        self.assertRedirects(r, "/", fetch_redirect_response=False)

    def test_the_number_before_two_quick_changes_is_still_warned(self):
        self.log_in()
        self.change_phone(SECOND)
        wind_back(minutes=6)
        self.change_phone(THIRD)

        self.assertEqual((self.an.old_phone, self.an.phone), (FIRST, "+84912345679"))

    def test_a_code_confirms_only_the_number_it_went_to(self):
        self.log_in()
        self.client.post(OWN, {"phone": SECOND})
        Account.objects.filter(pk=self.an.pk).update(new_phone="+84912345679")

        self.client.post(f"{OWN}xac-thuc/", {"code": newest_code()})

        self.an.refresh_from_db()
        self.assertEqual(self.an.phone, FIRST)

    def test_typing_the_old_number_calls_a_change_off(self):
        self.log_in()
        self.client.post(OWN, {"phone": SECOND})
        self.an.refresh_from_db()

        with self.assertRaises(AlreadyInForce):
            PhoneChange.start(self.client.session, self.an, FIRST)

        self.an.refresh_from_db()
        self.assertEqual(self.an.new_phone, "")

    def test_looking_at_a_page_does_not_undo_what_another_tab_stored(self):
        self.log_in()
        key = self.client.session.session_key
        Session.objects.update(seen_at=timezone.now() - dt.timedelta(minutes=2))
        looking, storing = SessionStore(key), SessionStore(key)
        looking.get("anything")
        storing["kept"] = "yes"
        storing.save()

        # What the middleware does at the end of a request.
        if looking.modified:
            looking.save()

        self.assertEqual(SessionStore(key).get("kept"), "yes")
        self.assertLess(timezone.now() - Session.objects.get().seen_at, dt.timedelta(minutes=1))

    def test_an_old_hash_is_brought_up_to_date_only_if_it_is_still_there(self):
        weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
        Account.objects.update(password="argon2" + weak.hash(cast.PASSWORD))
        stale = Account.objects.get(pk=self.an.pk)
        self.an.set_password(NEW_PASSWORD)
        self.an.save(update_fields=["password"])

        self.assertTrue(stale.check_password(cast.PASSWORD))

        self.assertTrue(Account.objects.get(pk=self.an.pk).check_password(NEW_PASSWORD))
