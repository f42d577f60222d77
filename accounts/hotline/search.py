"""Finding people for the hotline: by address, by name, by unit, by the end of the number."""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Reverse

from accounts import folding
from accounts.addresses import AddressError, canonical
from accounts.models import Account, Address, Unit
from accounts.models.names import FoldedWords
from accounts.organisation import roles
from accounts.organisation.units import with_below
from otp import phones
from otp.phones import PhoneError

MOST = 20  # results (AD-05)
# Of a number's end: fewer find too many, and more would read a masked number out digit by digit.
FEWEST_DIGITS, MOST_DIGITS = 4, 6
WHOLE = {"0": 10, "8": 11}  # digits of a whole number, by how it begins: 0… or 84…

SAMPLE = 5_000  # people, among whom a common name is found twenty times
_AMONG_THE_FIRST = """
SELECT pk FROM ({}) AS first WHERE words @@ to_tsquery('simple', %s) LIMIT %s
"""

# As a masked number is read out: its last digits, and perhaps the four that it begins with.
_MASKED = re.compile(rf"(0\d{{3}})?[*•×xX…]+(\d{{{phones.STAFF_DIGITS},{MOST_DIGITS}}})")
_NUMBER = re.compile(r"[\d\s.+()-]+")
# Or the beginning of one. A dot among words is one of a title: BS. Nguyễn Văn An.
_ADDRESS = re.compile(r"\S*[.@]\S*")
# As mail programs write a sender: Nguyễn Văn An <an@…>, where what is before it names nobody.
_SENDER = re.compile(r"[^<>]*<([^<>\s]+@[^<>\s]+)>\s*[;,]?")


@dataclass(frozen=True)
class Found:
    """What a look-up gave; `by` says how the words were read."""

    by: str
    people: list[Account]
    more: bool = False  # than are shown
    unknown: str = ""  # an address that was typed whole, and is nobody's


def find(staff: Account, words: str, unit: str = "") -> Found:
    """Find people whom `staff` may see. At most `MOST` are given; nothing typed finds nobody."""
    everybody = roles.units_of(staff) is None
    people = roles.within(staff, Account.objects.select_related("unit"))
    if unit:
        people = people.filter(unit__in=_units_called(unit))
    if not words:
        return _first("unit", people) if unit else Found("nothing", [])
    if number := _whole_number(words):
        return _by_number(people, number)
    if masked := _MASKED.fullmatch(re.sub(r"[\s.-]", "", words)):
        return _by_number(people, masked[2], start=masked[1] or "")
    if _NUMBER.fullmatch(words):
        return _by_number(people, re.sub(r"\D", "", words))
    if sender := _SENDER.fullmatch(words):
        words = sender[1]
    if _ADDRESS.fullmatch(words):
        return _by_address(people, words, everybody=everybody)
    return _by_name(people, words, everybody=everybody)


def _by_address(people: QuerySet[Account], words: str, *, everybody: bool) -> Found:
    try:
        address = canonical(words)
    except AddressError:
        # A beginning, or a domain that is not the office's.
        start = words.strip().lower()
        return _first("address", people.filter(address__startswith=start))
    exact = list(people.filter(addresses__address=address))
    if exact:
        return Found("address", exact)
    local = address.partition("@")[0]
    found = _first("address", people.filter(address__startswith=local))
    # To the IT of a unit it is not told whether the address is one of another unit.
    unknown = "" if Address.objects.filter(address=address).exists() else address
    return Found("address", found.people, found.more, unknown=unknown if everybody else "")


def _whole_number(words: str) -> str:
    """Read a whole number as the page of phones does, in any spelling; "" where it is none."""
    if sum(map(str.isdecimal, words)) < WHOLE["0"]:
        return ""
    try:
        return phones.national(phones.normalise(words))
    except PhoneError:
        return ""


def _by_number(people: QuerySet[Account], digits: str, *, start: str = "") -> Found:
    if start:
        people = people.filter(phone__startswith=f"+84{start[1:]}")
    elif len(digits) == WHOLE.get(digits[:1]):
        digits = digits[-9:]
    elif not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS:
        return Found("number", [])
    backwards = people.alias(backwards=Reverse("phone"))
    return _first("number", backwards.filter(backwards__startswith=digits[::-1]))


def _by_name(people: QuerySet[Account], words: str, *, everybody: bool) -> Found:
    """Look for all the words; where nobody has them, the last may be the beginning of one."""
    parts = list(dict.fromkeys(folding.words(words)))
    if not parts:
        return Found("name", [])
    are_many = functools.cache(lambda: people[:SAMPLE].count() == SAMPLE)
    whole = _named(people, _all_of(parts), are_many)
    if whole.people:
        return whole
    *before, last = parts
    started = _named(people, _all_of([*before, f"{last}:*"]), are_many)
    if started.people or len(parts) > 1:
        return started
    return _by_address(people, words, everybody=everybody)


def _named(people: QuerySet[Account], terms: str, are_many: Callable[[], bool]) -> Found:
    """Look among the first few thousand, which is enough for common names; then by the index.

    The planner cannot know which names go together, and reads a whole province where it guesses
    wrong; through the index, a common name is slow and a rare one fast.
    """
    keys = _keys_among_the_first(people, terms)
    if len(keys) <= MOST and are_many():
        keys = _keys_by_the_index(people, terms)
    return _first("name", people.filter(pk__in=keys))


def _keys_among_the_first(people: QuerySet[Account], terms: str) -> list[int]:
    try:
        first, parameters = people.values("pk", "words")[:SAMPLE].query.sql_with_params()
    except EmptyResultSet:  # no unit is called so
        return []
    with connection.cursor() as cursor:
        cursor.execute(_AMONG_THE_FIRST.format(first), [*parameters, terms, MOST + 1])
        return [key for (key,) in cursor.fetchall()]


def _keys_by_the_index(people: QuerySet[Account], terms: str) -> list[int]:
    matching = people.filter(words=_query(terms))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        keys = list(matching.values_list("pk", flat=True)[: MOST + 1])
        cursor.execute("SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_indexscan TO DEFAULT")
    return keys


def _all_of(terms: Iterable[str]) -> str:
    """Ask for all the terms; one that ends in `:*` may be the beginning of a word.

    Folded words are plain letters and digits: no sign of the query language can be among them.
    """
    return " & ".join(terms)


def _query(terms: str) -> SearchQuery:
    return SearchQuery(terms, config="simple", search_type="raw")


def _units_called(words: str) -> set[int]:
    """Find the units with these words in their names, or this short name, and those below."""
    parts = [f"{part}:*" for part in folding.words(words)]
    named = Unit.objects.alias(words=FoldedWords("name")).filter(words=_query(_all_of(parts)))
    by_name = named if parts else Unit.objects.none()
    by_code = Unit.objects.filter(code__iexact=words.strip())
    return with_below(unit.pk for found in (by_name, by_code) for unit in found)


def _first(by: str, people: QuerySet[Account]) -> Found:
    # Not in order: sorting all the Nguyễns of a province would take longer than finding one.
    found = list(people[: MOST + 1])
    return Found(by, sorted(found[:MOST], key=lambda one: one.address), len(found) > MOST)
