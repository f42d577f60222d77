"""A log-in under an unknown name costs what the hash of some account costs (EN-06)."""

import collections
import re
import statistics
import time
from unittest import mock

import bcrypt
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext

from accounts.credentials import decoy_hashes
from accounts.credentials.foreign_hashes import to_stored
from accounts.models import Account, HashTally
from otp.models import Meter
from tests.credentials.test_imported_hashes import HASHES
from tests.support import cast
from tests.support.cast import PASSWORD
from tests.support.hashing import HashesAsDeployed

_NUMBERED = re.compile(r"(?<=SAVEPOINT )\S+")  # a name that is never used twice
OURS = "argon2$argon2id$v=19$m=19456,t=2,p=1"
BCRYPT = {
    cost: to_stored("{BLF-CRYPT}" + bcrypt.hashpw(b"x", bcrypt.gensalt(cost)).decode())
    for cost in (5, 8)
}


def store(hashed, *names):
    for name in names:
        cast.make(name)
    names = [f"{name}@hagiang.gov.vn" for name in names]
    Account.objects.filter(address__in=names).update(password=hashed)


def scheme_of(decoy):
    return next(
        (scheme for scheme, _ in HashTally.objects.totals() if decoy.startswith(scheme)), ""
    )


class TallyTests(HashesAsDeployed, TestCase):
    def totals(self):
        return dict(HashTally.objects.totals())

    def test_it_is_so_after_every_change(self):
        self.assertEqual(self.totals(), {})
        an, binh = cast.make("an"), cast.make("binh")
        self.assertEqual(self.totals(), {OURS: 2})
        store(BCRYPT[5], "chi")
        store(BCRYPT[8], "dung")
        self.assertEqual(
            self.totals(),
            {OURS: 2, "imported${BLF-CRYPT}$2b$05": 1, "imported${BLF-CRYPT}$2b$08": 1},
        )
        an.set_unusable_password()
        an.save()
        self.assertEqual(self.totals()[""], 1)
        binh.delete()
        self.assertNotIn(OURS, self.totals())

    def test_a_log_in_that_renews_the_hash_counts(self):
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        store(to_stored(hashed), "an")

        Client().post(cast.LOGIN, {"username": "an", "password": PASSWORD})

        self.assertEqual(self.totals(), {OURS: 1})

    def test_many_are_one_row(self):
        Account.objects.bulk_create(
            Account(address=f"n{n}@hagiang.gov.vn", password=BCRYPT[5]) for n in range(50)
        )

        self.assertEqual(HashTally.objects.count(), 1)
        self.assertEqual(list(self.totals().values()), [50])

    def test_rows_are_summed_up_at_night(self):
        for n in range(5):
            cast.make(f"n{n}")
        before = self.totals()

        call_command("prune", verbosity=0)

        self.assertEqual((self.totals(), HashTally.objects.count()), (before, 1))

    def test_every_hash_that_is_taken_has_its_scheme(self):
        for name, text in HASHES.items():
            store(to_stored(text), f"n{name.lower()}")

        self.assertEqual(len(self.totals()), len(HASHES))
        self.assertNotIn("", self.totals())

    def test_no_secret_is_kept(self):
        for name, text in HASHES.items():
            store(to_stored(text), f"n{name.lower()}")

        for scheme in self.totals():
            self.assertLess(len(scheme), 50)
            for text in HASHES.values():
                self.assertNotIn(text[-8:], scheme)


class DrawTests(HashesAsDeployed, TestCase):
    def test_as_often_as_they_are_stored(self):
        store(BCRYPT[8], *(f"a{n}" for n in range(3)))
        for n in range(6):
            cast.make(f"b{n}")

        drawn = collections.Counter(
            scheme_of(decoy_hashes.drawn_for(f"la{n}@hagiang.gov.vn")) for n in range(300)
        )

        # 100 are expected; five times the deviation is 41.
        self.assertLess(abs(drawn["imported${BLF-CRYPT}$2b$08"] - 100), 41, drawn)
        self.assertEqual(sum(drawn.values()), 300)

    def test_a_name_keeps_its_own(self):
        store(BCRYPT[8], *(f"a{n}" for n in range(5)))
        for n in range(5):
            cast.make(f"b{n}")
        names = [f"la{n}@hagiang.gov.vn" for n in range(100)]
        first = [decoy_hashes.drawn_for(name) for name in names]

        self.assertEqual([decoy_hashes.drawn_for(name) for name in names], first)

        cast.make("them")
        again = [decoy_hashes.drawn_for(name) for name in names]
        moved = sum(one != other for one, other in zip(first, again, strict=True))
        self.assertLess(moved, 20)

    def test_where_nobody_is_stored_it_is_ours(self):
        self.assertEqual(decoy_hashes.drawn_for("la@hagiang.gov.vn"), "")

    def test_it_takes_one_statement_that_reads_no_account(self):
        with self.assertNumQueries(1) as asked:
            decoy_hashes.drawn_for("la@hagiang.gov.vn")

        self.assertNotIn("accounts_account", asked.captured_queries[0]["sql"])


class WorkTests(HashesAsDeployed, cast.Cast, TestCase):
    def test_every_scheme_that_is_stored_is_computed_for_a_stranger(self):
        for name, text in HASHES.items():
            with self.subTest(name):
                Account.objects.all().delete()
                store(to_stored(text), "an")
                decoy = decoy_hashes.drawn_for("la@hagiang.gov.vn")

                self.assertTrue(decoy)
                with mock.patch("bcrypt.checkpw", wraps=bcrypt.checkpw) as computed:
                    decoy_hashes.compare("x", decoy)
                self.assertEqual(computed.called, name == "BLF-CRYPT")

    def test_an_unknown_name_costs_what_a_known_one_costs(self):
        store(BCRYPT[8], "an")

        def seconds(name):
            began = time.thread_time()
            self.log_in(name, "sai", Client())
            return time.thread_time() - began

        # Side by side, because a busy machine slows both down.
        ratio = statistics.median(seconds("la") / seconds("an") for _ in range(4))

        self.assertGreater(ratio, 0.7)
        self.assertLess(ratio, 1.4)

    def test_it_opens_nothing(self):
        for text in HASHES.values():
            Account.objects.all().delete()
            store(to_stored(text), "an")
            for password in ("", "-", PASSWORD, "\0"):
                r = self.log_in("la", password, Client())

                self.assertEqual(r.status_code, 200)

    def test_known_and_unknown_ask_the_database_the_same(self):
        store(BCRYPT[5], "an")
        asked = []
        for name in ("an", "la"):
            with CaptureQueriesContext(connection) as statements:
                self.log_in(name, "sai", Client())
            asked.append([_NUMBERED.sub("", each["sql"].partition("'")[0]) for each in statements])

        self.assertEqual(*asked)

    def test_a_fault_before_the_comparison_charges_nobody(self):
        gone = mock.patch.object(decoy_hashes, "drawn_for", side_effect=OperationalError("gone"))
        with gone:
            self.assertEqual(self.log_in("an", "sai").status_code, 503)

        self.assertFalse(Meter.objects.filter(key__startswith="login:", count__gt=0).exists())
