"""Hashes of another mail server: which are taken, how they are checked, when they go."""

import base64
import hashlib
import shutil
import statistics
import subprocess
import time

import bcrypt
import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.test import TestCase

from accounts.credentials.foreign_hashes import to_stored
from accounts.credentials.hashers import BoundedArgon2Hasher
from accounts.models import Account
from tests.support import cast
from tests.support.cast import PASSWORD
from tests.support.hashing import HashesAsDeployed

# Each made by `doveadm pw -p Ruong-bac-thang-7 -s` and its name.
HASHES = {
    "SSHA": "{SSHA}prEM3nGmShIEyYZEgd+rio6anSdL8hnq",
    "SSHA256": "{SSHA256}QcYxkprZDgD0pHhhF0qof6TwE0NGnvXA0HPp2iv5M525zfNU",
    "SSHA512": "{SSHA512}v8V7JWVRsj0C1sN2EwvZxO3jxGhSFXuDLzbza+5XBexlYoBgZqZ6vdA5Fw3BrbZlYccaYTJV"
    "2PueO20d/t5DhutAGRg=",
    "SHA512-CRYPT": "{SHA512-CRYPT}$6$kMaOJiNNVsXIhvEh$t4RL2U1.7E6gQq7DvsAkfy4qshFxQ7FN25bq5CZMOvE0"
    "hJPutN62w4nLgef/iyeUm9bUstnWenqyI62wBPjYY1",
    "BLF-CRYPT": "{BLF-CRYPT}$2y$05$YRjAoCojz4JiHhLaZQ7YeeACAxWhOoedYghhPnpONlb/12gGSUdu2",
    "ARGON2I": "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$/utJ0mMh4d0B6HLj8UKMzw"
    "$2mFsx+o8DvYXboMv/IDgieFcAPCG2t5jHiQEXYgAyOk",
    "SHA256-CRYPT": "{SHA256-CRYPT}$5$MotItMuoi$7vHt60XdxleKVKtnfj8B6gV8YWaNGSgQXj55FZS04xA",
    "SCRAM-SHA-256": "{SCRAM-SHA-256}4096,0kq75CWT/byRol+cHPqrUQ=="
    ",2iLxFfXRTPPuLHHnJfSrDSCh5po7+cgLxxYcJ3e+mo4=,+hpVcm5MB6NVMCzo7cRBYtGlwIn9iLd+xUyt4ixArwA=",
    "ARGON2ID": "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$/HpJ3R4lktMS3waP9EcQ1w"
    "$48tcsB/il8BNf7R8//dwsr8NzVUWiiWRBXZ0KJ+fuVI",
}
IMPORTED = {name: text for name, text in HASHES.items() if name != "ARGON2ID"}


def bare(name):
    return HASHES[name].partition("}")[2]


class TakenTests(TestCase):
    def test_it_is_kept_as_dovecot_reads_it(self):
        for name, text in IMPORTED.items():
            with self.subTest(name):
                self.assertEqual(to_stored(text), f"imported${text}")

    def test_argon2id_becomes_django_s_own(self):
        self.assertEqual(to_stored(HASHES["ARGON2ID"]), "argon2" + bare("ARGON2ID"))

    def test_a_hash_that_says_what_it_is_needs_no_braces(self):
        for name in ("SHA512-CRYPT", "SHA256-CRYPT", "BLF-CRYPT", "ARGON2I", "ARGON2ID"):
            for text in (bare(name), "{CRYPT}" + bare(name), f"  {bare(name)}\n"):
                with self.subTest(text[:20]):
                    self.assertEqual(to_stored(text), to_stored(HASHES[name]))

    def test_the_hash_itself_says_which_crypt_it_is(self):
        sha256, sha512 = bare("SHA256-CRYPT"), bare("SHA512-CRYPT")
        for text, name in (
            (f"{{SHA256}}{sha256}", "SHA256-CRYPT"),  # PostfixAdmin's php_crypt
            (f"{{SHA512}}{sha512}", "SHA512-CRYPT"),
            (f"{{SHA512-CRYPT}}{sha256}", "SHA256-CRYPT"),
            (f"{{SHA256-CRYPT}}{bare('BLF-CRYPT')}", "BLF-CRYPT"),
        ):
            with self.subTest(text[:20]):
                self.assertEqual(to_stored(text), to_stored(HASHES[name]))

    def test_dovecot_may_have_encoded_it_otherwise(self):
        for name, text in HASHES.items():
            body = text.partition("}")[2]
            raw = base64.b64decode(body) if name.startswith("SSHA") else body.encode()
            for ending, written in (("B64", base64.b64encode(raw).decode()), ("HEX", raw.hex())):
                for braces in (f"{{{name}.{ending}}}", f"{{{name.lower()}.{ending.lower()}}}"):
                    with self.subTest(braces):
                        self.assertEqual(to_stored(braces + written), to_stored(text))

    def test_small_letters_do(self):
        text = HASHES["SSHA"].replace("SSHA", "ssha")

        self.assertEqual(to_stored(text), f"imported${HASHES['SSHA']}")

    def test_the_right_password_and_no_other(self):
        for name, text in HASHES.items():
            with self.subTest(name):
                self.assertTrue(check_password(PASSWORD, to_stored(text)))
                for wrong in ("", "x", PASSWORD + "x", PASSWORD.lower(), "\0", f"{PASSWORD}\0"):
                    self.assertFalse(check_password(wrong, to_stored(text)))

    def test_a_long_password_is_answered(self):
        for name, text in HASHES.items():
            with self.subTest(name):
                for wrong in ("đ" * 128, "x" * 128):
                    self.assertFalse(check_password(wrong, to_stored(text)))

    def test_bcrypt_looks_at_72_bytes_as_the_old_server_did(self):
        password = "Aa1-" * 25
        made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()

        self.assertTrue(check_password(password, to_stored(made)))
        self.assertFalse(check_password(password[:71], to_stored(made)))

    def test_the_longest_fits_its_column(self):
        longest = f"$6$rounds=100000${'s' * 16}${'h' * 86}"
        column = Account._meta.get_field("password")

        self.assertLessEqual(len(to_stored(longest)), column.max_length)

    @pytest.mark.program("doveadm")
    def test_dovecot_finds_the_same(self):
        for name, text in IMPORTED.items():
            with self.subTest(name):
                kept = to_stored(text).removeprefix("imported$")
                for password, code in ((PASSWORD, 0), ("x", True)):
                    done = subprocess.run(
                        [shutil.which("doveadm"), "pw", "-t", kept, "-p", password],
                        capture_output=True,
                        check=False,
                    )
                    self.assertEqual(bool(done.returncode), bool(code))

    @pytest.mark.program("doveadm")
    def test_what_dovecot_makes_today_is_taken(self):
        for name in HASHES:
            with self.subTest(name):
                made = subprocess.run(
                    [shutil.which("doveadm"), "pw", "-s", name, "-p", PASSWORD],
                    capture_output=True,
                    check=True,
                    text=True,
                ).stdout
                self.assertTrue(check_password(PASSWORD, to_stored(made)))


class RefusedTests(TestCase):
    def refuse(self, text, *words):
        with self.assertRaises(ValueError) as caught:
            to_stored(text)
        for word in words:
            self.assertIn(word, str(caught.exception))
        return str(caught.exception)

    def test_weak_ones_are_refused_by_name(self):
        for text, name, why in (
            ("{MD5}$1$abc$xyz", "{MD5}", "MD5"),
            ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "{MD5-CRYPT}", "MD5"),
            ("{CRYPT}$1$salt$qJH7.N4xYta3aEG/dfqo/0", "{MD5-CRYPT}", "MD5"),
            ("{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99", "{PLAIN-MD5}", "MD5"),
            ("{CRAM-MD5}9186d855e11eba527a7a52ca82b313e1", "{CRAM-MD5}", "MD5"),
            ("{SMD5}abcdefgh", "{SMD5}", "MD5"),
            ("{PLAIN}Ruong-bac-thang-7", "{PLAIN}", "dạng chữ"),
            ("{CLEARTEXT}Ruong-bac-thang-7", "{CLEARTEXT}", "dạng chữ"),
            ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SHA}", "muối"),
            ("{SHA1}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SHA1}", "muối"),
            ("{SHA256}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "{SHA256}", "muối"),
            ("{CRYPT}abJnggxhB/yWI", "{DES-CRYPT}", "yếu"),
            ("{NTLM}8846f7eaee8fb117ad06bdd830b7586c", "{NTLM}", "yếu"),
            ("{MD5-CRYPT.HEX}" + b"$1$salt$q".hex(), "{MD5-CRYPT}", "MD5"),
            ("{SHA256.HEX}5e884898da280471", "{SHA256}", "muối"),
            ("$y$j9T$waHytoaqP/CE$fxd5mVc2", "{YESCRYPT}", "không được hỗ trợ"),
            ("{CRYPT}$y$j9T$waHytoaqP/CE$fxd5mVc2", "{YESCRYPT}", "không được hỗ trợ"),
            ("$gy$j9T$waHytoaqP/CE$fxd5mVc2", "{GOST-YESCRYPT}", "không được hỗ trợ"),
            ("$7$CU..../....waHytoaqP$fxd5", "{SCRYPT}", "không được hỗ trợ"),
            ("{SASL}an@HAGIANG.GOV.VN", "{SASL}", "hệ thống khác giữ"),
            ("$P$BqjCVtjsnFiDSFEGSOcHhw1", "{PHPASS}", "MD5"),
        ):
            with self.subTest(text):
                self.refuse(text, name, why)

    def test_a_password_in_clear_is_refused_and_not_repeated(self):
        said = self.refuse(PASSWORD, "Không nhập mật khẩu dạng chữ")
        self.assertNotIn(PASSWORD, said)
        self.assertNotIn(PASSWORD, self.refuse("{PLAIN}" + PASSWORD))

    def test_costs_that_would_stop_the_server_are_refused(self):
        crypt, blowfish, argon = bare("SHA512-CRYPT")[3:], bare("BLF-CRYPT"), bare("ARGON2ID")
        older = bare("ARGON2I")
        for text, found in (
            (f"$6$rounds=999999999${crypt}", "rounds=999999999"),
            (f"$6$rounds=100001${crypt}", "rounds=100001"),
            (f"$6$rounds=999${crypt}", "rounds=999"),
            (blowfish.replace("$05$", "$20$"), "20"),
            (blowfish.replace("$05$", "$13$"), "13"),
            (blowfish.replace("$05$", "$03$"), "03"),
            (argon.replace("m=65536", "m=4194304"), "m=4194304"),
            (argon.replace("m=65536", "m=65537"), "m=65537"),
            (argon.replace("m=65536", "m=7"), "m=7"),
            (argon.replace("t=3", "t=5"), "t=5"),
            (argon.replace("t=3", "t=0"), "t=0"),
            (argon.replace("p=1", "p=200"), "p=200"),
            (older.replace("m=32768", "m=4194304"), "m=4194304"),
            (older.replace("t=4", "t=5"), "t=5"),
        ):
            with self.subTest(text[:40]):
                self.refuse(text, f"tham số {found}" if "=" not in found else found)

    def test_the_highest_costs_that_are_taken(self):
        argon = bare("ARGON2ID").replace("t=3,p=1", "t=4,p=4")
        for text in (
            f"$6$rounds=100000${bare('SHA512-CRYPT')[3:]}",
            bare("BLF-CRYPT").replace("$05$", "$12$"),
            argon,
        ):
            with self.subTest(text[:30]):
                self.assertTrue(to_stored(text))

    def test_damaged_ones_are_refused(self):
        for name, text in HASHES.items():
            for damaged in (text[:-3], text + "AAAA" * 20, text.replace("$", "%"), f"{{{name}}}"):
                with self.subTest(damaged[:40]):
                    if damaged != text:
                        self.refuse(damaged)
        for text in (
            "{ARGON2I}" + bare("ARGON2ID"),
            "{ARGON2ID}" + bare("ARGON2I"),
            "",
            "{",
            "{SSHA",
            "{}",
            "{SSHA}đ",
            "$6$",
            "$2y$",
            "\0",
            "{SSHA}\0",
            "{SSHA.HEX}00",
            "{SHA512-CRYPT.HEX}zz",
            "{SHA512-CRYPT.B64}đ",
            "{SHA256}$5$salt$abc",
            "{SCRAM-SHA-256}4096,AAAAAAAAAAA=,AAAA,AAAA",
            "{SCRAM-SHA-256}999,0kq75CWT/byRol+cHPqrUQ==,x,y",
            "x" * 10**6,
        ):
            with self.subTest(text[:10]):
                self.refuse(text)

    def test_what_is_no_hash_of_ours_is_never_right(self):
        for stored in ("imported$", "imported${SSHA}", "imported${PLAIN}x", "imported$x"):
            with self.subTest(stored):
                self.assertIs(check_password("x", stored), False)


class LogInTests(HashesAsDeployed, cast.Cast, TestCase):
    def setUp(self):
        self.set_up_people()

    def give(self, name):
        Account.objects.filter(pk=self.an.pk).update(password=to_stored(HASHES[name]))

    def test_the_first_log_in_makes_an_argon2id_hash_of_ours(self):
        for name in HASHES:
            with self.subTest(name):
                self.give(name)

                self.assertEqual(self.log_in().status_code, 302)

                self.an.refresh_from_db()
                self.assertRegex(self.an.password, r"^argon2\$argon2id\$v=19\$m=19456,t=2,p=1\$")
                self.assertEqual(self.log_in().status_code, 302)

    def test_a_wrong_password_changes_nothing(self):
        for name in HASHES:
            with self.subTest(name):
                self.give(name)

                self.assertContains(self.log_in(password="x"), "chưa đúng")

                self.an.refresh_from_db()
                self.assertEqual(self.an.password, to_stored(HASHES[name]))

    def test_the_hasher_makes_no_new_ones(self):
        self.assertTrue(make_password("x").startswith("argon2$argon2id$"))
        with self.assertRaises(NotImplementedError):
            identify_hasher(to_stored(HASHES["SSHA"])).encode("x", "y")


class TimeTests(HashesAsDeployed, TestCase):
    def seconds(self, act):
        began = time.thread_time()
        act()
        return time.thread_time() - began

    def usual(self):
        return self.seconds(lambda: make_password("x"))

    def test_a_wrong_password_costs_what_an_unknown_address_costs(self):
        check_password("x", to_stored(HASHES["SSHA"]))  # measures the usual cost, once
        for name in ("SSHA", "SSHA256", "SSHA512", "SHA512-CRYPT", "BLF-CRYPT"):
            with self.subTest(name):
                stored = to_stored(HASHES[name])

                # Side by side, because a busy machine slows both down.
                ratio = statistics.median(
                    self.seconds(lambda stored=stored: check_password("x", stored)) / self.usual()
                    for _ in range(15)
                )

                self.assertGreater(ratio, 0.7)
                self.assertLess(ratio, 1.4)

    def test_evening_out_leaves_the_cost_of_new_hashes_alone(self):
        check_password("x", to_stored(HASHES["SHA512-CRYPT"]))
        check_password("x", to_stored(HASHES["SHA512-CRYPT"]))

        self.assertEqual(BoundedArgon2Hasher().memory_cost, 19 * 1024)
        self.assertIn("m=19456,t=2,p=1", make_password("x"))


class NothingTests(cast.Cast, TestCase):
    """An old mailbox without a password opens to nobody."""

    def test_no_length_of_password_is_taken_for_none(self):
        digest = base64.b64encode(hashlib.sha1(b"abcd").digest() + b"abcd").decode()
        an = cast.make("an")
        Account.objects.filter(pk=an.pk).update(password=to_stored("{SSHA}" + digest))
        stored = Account.objects.get().password

        for password in ("", "z" * 129, "z" * 5000):
            with self.subTest(len(password)):
                r = self.log_in("an", password)

                self.assertEqual(r.status_code, 200)
        self.assertEqual(Account.objects.get().password, stored)

    def test_a_salt_that_is_no_base_64_is_refused(self):
        for length in (13, 17, 21):
            text = f"$argon2id$v=19$m=1024,t=1,p=1${'A' * length}${'A' * 43}"
            with self.subTest(length), self.assertRaises(ValueError):
                to_stored(text)
