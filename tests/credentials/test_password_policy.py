"""What a password must be, and what the person is told."""

from types import SimpleNamespace

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.test import SimpleTestCase, override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.credentials.policy import (
    MAX_LENGTH,
    MIN_LENGTH,
    RULES,
    STAFF_MIN_LENGTH,
    PolicyValidator,
    personal_words,
    problems,
)

WORDS = """
hagiang tuyenquang dongvan lungcu meovac yenminh sonduong nahang tantrao vietnam matkhau password
congvu hopthu thudientu ubnd hdnd tinhuy sokhcn sotttt sonoivu vanphong quantri admin mail email
chuyendoiso anhyeuem xinchao
"""
LOCAL = frozenset(WORDS.split())

DISGUISED = (
    "Hagiang@2021",
    "H@giang2021!",
    "hAgIaNg#1",
    "2025Tuyenquang!",
    "Tuy3nQu@ng1!",
    "M@tkh4u123!",
    "Ubnd@2024",
    "P@ssw0rd1!",
    "Matkhau@123",
    "Tuyenquang@2025",
    "@Dmin2024",
    "Qu@ntr1@2021",
    "Xinch@0#1",
    "Ha-Giang@2021",
    "Ha.Giang 1",
    "Ubnd-Hagiang@2021",
    "Hagiang@hagiang1",
)

# What offices choose where nobody tells them better, whatever the place.
USUAL = (
    *("Vnpt@12345", "Viettel@123", "Congan@113", "Trungtam@123", "Egov@2026", "Thang11@2026"),
    *("Mobifone#1", "VNPT@2026", "Soyte@123", "Hscv@2025", "Vnptioffice1@", "Chuyenvien@1"),
    *("Tinhoc@2020", "C0ngan@113", "Ketoan@123", "Cntt@1234", "Sotttt@2024", "Thuhai@2026"),
)

ACCEPTED = (
    "Thang-ba-hoa-gao-7",
    "Doi-van-phong-cu-8!",
    "Toi-song-o-Ha-Giang-98!",
    "Hagiang-Sapa-Dulich7",
    "xK9$mQ2v",
    "Ruong-bac-thang-7",
    "Con meo an com-8",
)


def codes(password, **known):
    return {problem.code for problem in problems(password, local_words=LOCAL, **known)}


class RuleTests(SimpleTestCase):
    def test_what_offices_usually_choose_is_refused(self):
        for password in USUAL:
            with self.subTest(password):
                self.assertTrue({problem.code for problem in problems(password)})

    def test_each_rule_is_broken_alone(self):
        for code, password in (
            ("length", "xK9$mQ2"),
            ("upper", "xk9$mq2v"),
            ("lower", "XK9$MQ2V"),
            ("digit", "xKz$mQwv"),
            ("special", "xK9zmQ2v"),
            ("special", "xK9 mQ2v"),
            ("ascii", "xK9$mQ2vữ"),
            ("ascii", "xK9$mQ2v😀"),
            ("invisible", "xK9$mQ2v\x00"),
            ("invisible", "xK9$mQ2v\x7f"),
            ("invisible", "xK9$mQ2v\n"),
            ("invisible", "xK9$\u200bmQ2v"),
            ("invisible", "xK9$mQ2v\u00a0"),
            ("too-long", "xK9$mQ2v" * 16 + "x"),
        ):
            with self.subTest(password=password):
                self.assertEqual(codes(password), {code})

    def test_all_broken_rules_are_named_at_once(self):
        self.assertEqual(codes(""), {"length", "upper", "lower", "digit", "special"})
        self.assertEqual(
            codes("hàgiang"), {"length", "upper", "digit", "special", "ascii", "local"}
        )
        self.assertEqual(codes("Mậtkhẩu@1"), {"ascii", "local"})

    def test_letters_outside_ascii_do_not_count_for_a_rule(self):
        self.assertEqual(codes("xk9$mq2vĐ"), {"upper", "ascii"})

    def test_long_passwords_are_welcome(self):
        for length in (64, MAX_LENGTH):
            with self.subTest(length=length):
                self.assertEqual(codes(("xK9$mQ2v" * 16)[:length]), set())

    def test_a_megabyte_is_refused_before_any_work(self):
        def words():
            self.fail("the words were read")
            yield

        found = problems("xK9$mQ2v" * 125_000, words=words(), local_words=LOCAL)

        self.assertEqual([problem.code for problem in found], ["too-long"])

    def test_staff_need_more_characters(self):
        self.assertEqual(codes("xK9$mQ2v", staff=True), {"staff-length"})
        self.assertEqual(codes("xK9$mQ2vbW4#", staff=True), set())

    def test_a_broken_rule_is_told_in_the_words_shown_before(self):
        shown = {key: str(sentence) for key, sentence in RULES}

        told = {problem.code: problem.sentence for problem in problems("ữ")}

        self.assertEqual(list(shown), ["length", "upper", "lower", "digit", "special", "ascii"])
        for key, sentence in shown.items():
            with self.subTest(key=key):
                self.assertEqual(told[key], sentence)

    def test_the_sentences_tell_the_numbers_in_force(self):
        told = {p.code: p.sentence for p in problems("x" * 200) + problems("x", staff=True)}

        for code, number in (
            ("length", MIN_LENGTH),
            ("staff-length", STAFF_MIN_LENGTH),
            ("too-long", MAX_LENGTH),
        ):
            with self.subTest(code=code):
                self.assertIn(f" {number} ký tự", told[code])

    def test_the_input_method_is_named_where_letters_carry_marks(self):
        told = {problem.code: problem.sentence for problem in problems("Mậtkhẩu@1")}

        self.assertIn("hãy tắt bộ gõ tiếng Việt", told["ascii"])


class LocalWordTests(SimpleTestCase):
    def test_a_disguised_local_word_is_refused(self):
        for password in DISGUISED:
            with self.subTest(password=password):
                self.assertEqual(codes(password), {"local"})

    def test_accents_do_not_hide_a_local_word(self):
        for password in ("HàGiang@2021", "ĐồngVăn@2021", "H\uff41giang@2021"):
            with self.subTest(password=password):
                self.assertEqual(codes(password), {"ascii", "local"})

    def test_a_local_word_within_more_is_accepted(self):
        for password in ACCEPTED:
            with self.subTest(password=password):
                self.assertEqual(codes(password), set())

    def test_the_word_and_the_way_out_are_named_but_not_the_password(self):
        (problem,) = problems("H@giang2021!", local_words=LOCAL)

        self.assertIn("(hagiang)", problem.sentence)
        self.assertIn("Hãy ghép 3–4 từ không liên quan", problem.sentence)
        self.assertNotIn("H@giang2021!", problem.sentence)

    def test_the_words_of_the_place_may_be_written_in_any_way(self):
        (problem,) = problems("H@giang2021!", local_words=["Hà Giang"])

        self.assertEqual(problem.code, "local")

    def test_without_local_words_a_local_word_is_like_any_other(self):
        self.assertEqual(problems("Hagiang@2021"), [])

    @given(
        st.sampled_from(sorted(word for word in LOCAL if len(word) > 3)),
        st.text("0123456789#-_.?~", max_size=8),
        st.text("0123456789#-_.?~", max_size=8),
        st.lists(st.sampled_from("ul4"), min_size=11, max_size=11),
    )
    def test_no_decoration_hides_a_local_word(self, word, before, after, ways):
        signs = str.maketrans("aeios", "@3105")
        disguises = {"u": str.upper, "l": str.lower, "4": lambda letter: letter.translate(signs)}
        inner = "".join(
            disguises[way](letter) for way, letter in zip(ways, word[1:-1], strict=False)
        )

        found = codes(f"{before}{word[0].upper()}{inner}{word[-1]}{after}")

        self.assertIn("local", found)


class PersonalWordTests(SimpleTestCase):
    an = personal_words(
        address="nvan2@hagiang.gov.vn", full_name="Nguyễn Văn Ân", unit="Sở Nội vụ Miền Đá"
    )

    def test_what_is_a_persons_own_is_refused(self):
        for password in (
            "Nvan@1990",
            "Nv@n1990",
            "Nguyen@1990",
            "NguyenVanAn-90",
            "Vanan.1990",
            "An-Nguyen@1990",
            "Annv-1990",
            "Snvmd@2024",
            "SoNoiVuMienDa@1",
        ):
            with self.subTest(password=password):
                self.assertEqual(codes(password, words=self.an), {"own"})

    def test_another_persons_word_is_not_ones_own(self):
        self.assertEqual(codes("Nvan@1990", words=personal_words(address="btbinh@x.vn")), set())

    def test_the_parts_of_an_address_are_words(self):
        words = personal_words(address="trungtamcntt.stttt@hagiang.gov.vn")

        for password in ("Trungtamcntt@1", "Stttt@2024", "Trungtamcntt.Stttt@1"):
            with self.subTest(password=password):
                self.assertEqual(codes(password, words=words), {"own"})

    def test_ones_own_number_is_refused(self):
        for password in ("xK$mQz466981", "xK$m-0912.466.981Q", "Qz+84912466981kmW"):
            with self.subTest(password=password):
                self.assertEqual(codes(password, phone="+84912466981"), {"phone"})

    def test_other_numbers_are_not_ones_own(self):
        self.assertEqual(codes("xK$mQz466982", phone="+84912466981"), set())
        self.assertEqual(codes("xK$mQz466981"), set())

    def test_an_endless_name_does_not_make_endless_words(self):
        name = " ".join(f"ab{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")

        self.assertLess(len(personal_words(address=name, full_name=name)), 50)

    def test_nothing_known_of_a_person_refuses_nothing(self):
        self.assertEqual(personal_words(), frozenset())
        self.assertEqual(codes("xK9$mQ2v", words=["", "-"], phone="12"), set())


class CommonPasswordTests(SimpleTestCase):
    def test_common_passwords_and_key_runs_are_refused(self):
        for password in (
            "Abc@12345",
            "Qwerty@123",
            "1qaz@WSX",
            "!QAZ2wsx",
            "Abcd@1234",
            "Aa@123456",
            "A@1234567a",
            "Abc!@#123",
            "Aaaa@1111",
            "Hoa@12345",
            "Hoa@2004",
            "Zx@20212021",
            "Football#7",
            "We1come@1",
            "Dr@g0n2024",
            "Il0veyou!1",
        ):
            with self.subTest(password=password):
                self.assertEqual(len(codes(password)), 1)
                self.assertLessEqual(codes(password), {"common", "run", "thin"})

    def test_keys_in_a_row_are_refused_whatever_stands_beside_them(self):
        for password in (
            "Bqhx$5678",
            "Bqhx%4321",
            "Bqhx#3333",
            "Bqhx1@3$5^",
            "!qazBm5#",
        ):
            with self.subTest(password=password):
                self.assertEqual(codes(password), {"run"})

    def test_digits_and_signs_alone_are_too_little(self):
        self.assertEqual(codes("1990#0482"), {"upper", "lower", "thin"})

    def test_a_short_password_is_not_called_a_run(self):
        self.assertEqual(codes("xK9q"), {"length", "special"})

    def test_more_than_3000_common_passwords_that_fit_the_rules_are_refused(self):
        fitting = {
            word.capitalize() + "@2021"
            for word in CommonPasswordValidator().passwords
            if word.isascii() and word.isalpha() and len(word) >= 3
        }

        accepted = [password for password in fitting if not codes(password)]

        self.assertGreater(len(fitting), 3000)
        self.assertEqual(accepted, [])

    def test_a_run_within_more_is_accepted(self):
        for password in ("Toi-song-o-123!", "Power-to-1a", "Con-meo-1990!", "xAbq!45t"):
            with self.subTest(password=password):
                self.assertEqual(codes(password), set())


class AnyTextTests(SimpleTestCase):
    @given(st.text(max_size=MAX_LENGTH + 2), st.text(max_size=20), st.text(max_size=20))
    @example("ﷺ" * MAX_LENGTH, "", "")
    @example("1" * 64 + "a" + "1" * 63, "a", "1")
    def test_any_text_gets_an_answer(self, password, word, phone):
        known = personal_words(address=word, full_name=word, unit=word)

        found = problems(password, words=known, phone=phone, local_words={word, *LOCAL})

        told = [problem.code for problem in found]
        self.assertEqual(len(told), len(set(told)))
        self.assertEqual(
            "ascii" in told or "invisible" in told or "too-long" in told,
            len(password) > MAX_LENGTH
            or not all(" " <= character <= "~" for character in password),
        )


@override_settings(PASSWORD_LOCAL_WORDS=LOCAL)
class PolicyValidatorTests(SimpleTestCase):
    def setUp(self):
        self.an = SimpleNamespace(
            address="nvan@hagiang.gov.vn",
            full_name="Nguyễn Văn An",
            phone="+84912466981",
            unit=SimpleNamespace(name="Sở Y tế"),
            is_staff=False,
        )

    def refused(self, password, user=None):
        try:
            PolicyValidator().validate(password, user)
        except ValidationError as error:
            return {single.code for single in error.error_list}
        return set()

    def test_a_good_password_passes(self):
        self.assertEqual(self.refused("Ruong-bac-thang-7", self.an), set())

    def test_every_problem_is_raised_at_once(self):
        self.assertEqual(
            self.refused("hàgiang"), {"length", "upper", "digit", "special", "ascii", "local"}
        )

    def test_what_the_user_has_is_known(self):
        for password, code, of_others in (
            ("Nvan@1990", "own", set()),
            ("Vanan@1990", "own", set()),
            ("Soyte@2024", "own", {"usual"}),
            ("xK$mQz466981", "phone", set()),
        ):
            with self.subTest(password=password):
                self.assertEqual(self.refused(password, self.an), {code})
                self.assertEqual(self.refused(password), of_others)

    def test_a_user_without_name_unit_or_number_is_no_trouble(self):
        self.an.full_name = self.an.unit = self.an.phone = None

        self.assertEqual(self.refused("Nvan-none-7", self.an), set())

    def test_staff_are_told_that_they_need_more(self):
        self.an.is_staff = True

        self.assertEqual(self.refused("xK9$mQ2v", self.an), {"staff-length"})

    def test_the_help_text_holds_every_rule(self):
        for key, sentence in RULES:
            with self.subTest(key=key):
                self.assertIn(str(sentence), PolicyValidator().get_help_text())
