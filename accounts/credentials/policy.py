"""What a password must be."""

import functools
import re
import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.credentials import breached
from accounts.folding import fold
from otp.sentences import with_numbers

MIN_LENGTH = 8
ADVISED_LENGTH = 12
STAFF_MIN_LENGTH = 12
MAX_LENGTH = 128

# Shown before typing and again when broken, in the same words. JavaScript may tick them by key.
RULES = (
    (
        "length",
        with_numbers(
            _("Cần ít nhất %(least)s ký tự (nên dùng từ %(advised)s ký tự trở lên)"),
            least=lambda: MIN_LENGTH,
            advised=lambda: ADVISED_LENGTH,
        ),
    ),
    ("upper", _("Cần ít nhất 1 chữ in hoa (A–Z)")),
    ("lower", _("Cần ít nhất 1 chữ thường (a–z)")),
    ("digit", _("Cần ít nhất 1 chữ số (0–9)")),
    ("special", _("Cần ít nhất 1 ký tự đặc biệt, ví dụ @ # ! -")),
    (
        "ascii",
        _(
            "Chỉ dùng chữ không dấu và ký hiệu có trên bàn phím: "
            "hãy tắt bộ gõ tiếng Việt (Unikey, EVKey)"
        ),
    ),
)

_CHARACTERS = {
    "upper": frozenset(string.ascii_uppercase),
    "lower": frozenset(string.ascii_lowercase),
    "digit": frozenset(string.digits),
    # A space may be used but does not count: it is easily lost and easily overlooked.
    "special": frozenset(string.punctuation),
}

_REFUSALS = {
    "too-long": with_numbers(
        _("Mật khẩu dài quá %(most)s ký tự: hãy rút ngắn lại"), most=lambda: MAX_LENGTH
    ),
    "staff-length": with_numbers(
        _("Tài khoản quản trị, hỗ trợ cần mật khẩu ít nhất %(least)s ký tự"),
        least=lambda: STAFF_MIN_LENGTH,
    ),
    "invisible": _("Mật khẩu có ký tự không nhìn thấy được, thường do sao chép: hãy tự gõ lại"),
    "phone": _("Mật khẩu chứa số điện thoại của bạn: hãy bỏ dãy số đó đi"),
    "local": _("Mật khẩu dựa trên tên hoặc từ quen thuộc của địa phương (%(word)s) dễ bị đoán."),
    "own": _("Mật khẩu dựa trên tên, địa chỉ thư hoặc đơn vị của bạn dễ bị đoán."),
    "usual": _("Mật khẩu dựa trên từ mà nhiều cơ quan hay dùng (%(word)s) dễ bị đoán."),
    "breached": _("Mật khẩu này đã bị lộ ở nơi khác, kẻ xấu có danh sách: hãy dùng mật khẩu khác."),
    "common": _("Mật khẩu dựa trên một mật khẩu quá phổ biến, thêm số hay dấu vẫn dễ bị đoán."),
    "run": _("Mật khẩu gần như chỉ có dãy phím liền nhau hoặc lặp lại (12345, qwerty, aaaa)."),
    "thin": with_numbers(
        _("Bỏ số và dấu ở đầu và cuối thì mật khẩu còn chưa đến %(least)s ký tự, dễ bị đoán."),
        least=lambda: _MIN_CORE,
    ),
}
_ADVICE = _("Hãy ghép 3–4 từ không liên quan với nhau, rồi thêm chữ in hoa, chữ số và dấu.")

# What offices here choose, a word a line: their operators, themselves, their work, the calendar. A
# list of words that leaked elsewhere in the world has hardly any of it.
_USUAL_WORDS = Path(__file__).with_name("usual_words.txt")

_MIN_CORE = 4  # characters between the first and the last letter
_MIN_BESIDE_RUNS = 5  # characters that no run covers
_MIN_RUN = 3
_MAX_NAMES = 8  # parts of a name or address that are looked at
_MIN_PART = 2  # the shortest word worth joining to another
_EDGE = 3  # disguised letters looked for at either end of a core
_PHONE_TAIL = 6  # digits: what the portal's own pages show of a number

# Letters that look alike become one letter: 1, ! and l may each stand for i.
_ALIKE = {"l": "i", "|": "i", "1": "i"}
_DIGITS_AS_LETTERS = str.maketrans(
    {"0": "o", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g"} | _ALIKE
)
_SIGNS_AS_LETTERS = str.maketrans({"@": "a", "!": "i", "$": "s", "+": "t"})

_CORE = re.compile("[a-z](?:.*[a-z])?", re.DOTALL)

_UNSHIFTED = str.maketrans("!@#$%^&*()", "1234567890")
_KEYS = (
    "01234567890",
    string.ascii_lowercase,
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    # Columns, downwards.
    *("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol"),
)
_RUNS = "\n".join(keys + "\n" + keys[::-1] for keys in _KEYS)


class Problem(NamedTuple):
    """One broken rule: a code for programs and a sentence for the person, with the way out."""

    code: str
    sentence: str


class PolicyValidator:
    """Hold a password against the policy, for AUTH_PASSWORD_VALIDATORS.

    Raises one ValidationError with every problem. The words of the place come from
    settings.PASSWORD_LOCAL_WORDS; what is the user's own is read where the user has it.
    """

    def validate(self, password: str, user: object = None) -> None:
        found = problems(
            password,
            words=personal_words(
                address=_text(user, "address"),
                full_name=_text(user, "full_name"),
                unit=_text(getattr(user, "unit", None), "name"),
            ),
            phone=_text(user, "phone"),
            local_words=settings.PASSWORD_LOCAL_WORDS,
            staff=getattr(user, "is_staff", False) is True,
        )
        if not found and _has_leaked(password):
            found = [_problem("breached")]
        if found:
            raise ValidationError(
                [ValidationError(problem.sentence, code=problem.code) for problem in found]
            )

    def get_help_text(self) -> str:
        return ". ".join(str(sentence) for _key, sentence in RULES) + "."


def _has_leaked(password: str) -> bool:
    file = settings.BREACHED_PASSWORDS_FILE
    return bool(file) and breached.is_breached(password, Path(file))


def problems(
    password: str,
    *,
    words: Iterable[str] = (),
    phone: str = "",
    local_words: Collection[str] = (),
    staff: bool = False,
) -> list[Problem]:
    """Name every rule the password breaks; an empty list means it is good.

    `words` are the person's own and `local_words` the place's, in any spelling. A password is
    refused when a word, or two of them, is all there is to it once case, accents, look-alike
    signs and the digits and signs around it are taken away. A word within a longer phrase is fine.
    """
    # Before any other work: a megabyte must cost nothing.
    if len(password) > MAX_LENGTH:
        return [_problem("too-long")]
    found = list(_broken_rules(password, staff=staff))
    if _holds_phone(password, phone):
        found.append(_problem("phone"))
    if password and (guessable := _guessable(password, words, local_words)):
        found.append(guessable)
    return found


def personal_words(*, address: str = "", full_name: str = "", unit: str = "") -> frozenset[str]:
    """Collect what a person is guessed by: parts of the address and of the name, and initials."""
    local_part, _at, _domain = address.partition("@")
    names, unit_names = _letter_groups(full_name), _letter_groups(unit)
    words = {
        *_joined(_letter_groups(local_part)),
        *_joined(names),
        *_initialled(names),
        "".join(unit_names),
        _initials(unit_names),
    }
    return frozenset(words - {""})


def _broken_rules(password: str, *, staff: bool) -> Iterator[Problem]:
    rules = dict(RULES)
    if len(password) < MIN_LENGTH:
        yield Problem("length", str(rules["length"]))
    if staff and len(password) < STAFF_MIN_LENGTH:
        yield _problem("staff-length")
    for key, characters in _CHARACTERS.items():
        if characters.isdisjoint(password):
            yield Problem(key, str(rules[key]))
    # Many mail programs cannot log in with such letters, so they are refused and never stripped.
    if any(character.isprintable() and not character.isascii() for character in password):
        yield Problem("ascii", str(rules["ascii"]))
    if not password.isprintable():
        yield _problem("invisible")


def _problem(code: str, **values: str) -> Problem:
    return Problem(code, str(_REFUSALS[code]) % values if values else str(_REFUSALS[code]))


def _text(owner: object, attribute: str) -> str:
    return str(getattr(owner, attribute, None) or "")


def _letter_groups(text: str) -> list[str]:
    return re.findall("[a-z]+", fold(text))[:_MAX_NAMES]


def _joined(names: list[str]) -> Iterator[str]:
    for start in range(len(names)):
        for stop in range(start + 1, len(names) + 1):
            yield "".join(names[start:stop])


def _initialled(names: list[str]) -> Iterator[str]:
    """Yield nva, nvan and annv for Nguyễn Văn An."""
    if len(names) > 1:
        before, last = _initials(names[:-1]), names[-1]
        yield from (before + last[0], before + last, last + before)


def _initials(names: list[str]) -> str:
    return "".join(name[0] for name in names)


def _holds_phone(password: str, phone: str) -> bool:
    tail = re.sub("[^0-9]", "", phone)[-_PHONE_TAIL:]
    return len(tail) == _PHONE_TAIL and tail in re.sub("[^0-9A-Za-z]", "", password)


def _guessable(password: str, words: Iterable[str], local_words: Iterable[str]) -> Problem | None:
    # One reason is enough here: the way out is the same for all of them.
    text = fold(password)
    core = _CORE.search(text)
    if core is None:
        return _advised("thin")
    readings = list(dict.fromkeys(_readings(text, *core.span())))
    return (
        _made_of_words(readings, _by_spelling(words), _by_spelling(local_words))
        or (None if _common_cores().isdisjoint(readings) else _advised("common"))
        or (_advised("run") if _is_made_of_runs(text) else None)
        or (_advised("thin") if len(core.group()) < _MIN_CORE else None)
    )


def _advised(code: str, **values: str) -> Problem:
    return Problem(code, f"{_problem(code, **values).sentence} {_ADVICE}")


def _readings(text: str, first: int, end: int) -> Iterator[str]:
    """Yield every word that the text may be a disguise of.

    What stands before the first letter and after the last is decoration (2021!) or a disguised
    letter (@dmin), and a sign inside is a letter (P@ss) or a separator (Pass.word): try all.
    """
    for start in range(max(first - _EDGE, 0), first + 1):
        for stop in range(end, min(end + _EDGE, len(text)) + 1):
            part = text[start:stop]
            yield _spelt(part.translate(_SIGNS_AS_LETTERS))
            yield _spelt(part)


def _spelt(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.translate(_DIGITS_AS_LETTERS))


def _by_spelling(words: Iterable[str]) -> dict[str, str]:
    return {_spelt(fold(word)): word for word in words}


def _made_of_words(
    readings: Iterable[str], own: Mapping[str, str], local: Mapping[str, str]
) -> Problem | None:
    known = own.keys() | local.keys() | _usual().keys()
    for reading in readings:
        if parts := _parts(reading, known):
            return _made_of(parts, own, local)
    return None


def _made_of(
    parts: tuple[str, ...], own: Mapping[str, str], local: Mapping[str, str]
) -> Problem | None:
    # Words that are no secret are named; the person's own are not, nor is the password echoed.
    for code, words in (("local", local), ("own", own), ("usual", _usual())):
        named = [words[part] for part in parts if part in words]
        if named:
            return _advised(code) if words is own else _advised(code, word=named[0])
    return None


def _parts(reading: str, known: Collection[str]) -> tuple[str, ...]:
    if reading in known:
        return (reading,)
    for cut in range(_MIN_PART, len(reading) - _MIN_PART + 1):
        if reading[:cut] in known and reading[cut:] in known:
            return reading[:cut], reading[cut:]
    return ()


@functools.cache
def _usual() -> dict[str, str]:
    return _by_spelling(_USUAL_WORDS.read_text(encoding="ascii").split())


@functools.cache
def _common_cores() -> frozenset[str]:
    """Fold Django's list of 20,000 common passwords to their cores, once, when first needed.

    Hardly any of them has a capital and a sign, so hardly any fits the policy as it stands. People
    get there by decorating them, and a core stands for all of its decorations: `password` covers
    Password1!, P@ssw0rd2024 and the rest.
    """
    found = (_CORE.search(fold(password)) for password in CommonPasswordValidator().passwords)
    cores = (_spelt(core.group().translate(_SIGNS_AS_LETTERS)) for core in found if core)
    return frozenset(core for core in cores if len(core) >= _MIN_CORE)


def _is_made_of_runs(text: str) -> bool:
    # With Shift held the number row is a row of signs: !@# is 123.
    keys = text.translate(_UNSHIFTED)
    beside = at = 0
    while at < len(keys):
        length = _run_length(keys, at)
        beside += 0 if length else 1
        at += length or 1
    return beside < min(_MIN_BESIDE_RUNS, len(keys))


def _run_length(keys: str, at: int) -> int:
    stop = at + 1
    while stop < len(keys) and keys[at : stop + 1] in _RUNS:
        stop += 1
    repeated = len(keys) - at - len(keys[at:].lstrip(keys[at]))
    length = max(stop - at, repeated)
    return length if length >= _MIN_RUN else 0
