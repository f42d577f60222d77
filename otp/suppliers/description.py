"""What is known of a described supplier of SMS: its request, its answers, its reports."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

PLACE = re.compile(r"\{([^{}]*)\}")
Body = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One sign in an answer or a report: a status among these, and these words in its fields."""

    statuses: frozenset[int]
    words: Mapping[str, frozenset[str]]

    def reason_in(self, fields: object, status: int) -> str | None:
        """Give the word by which it fits, or the status; None where it does not fit."""
        found = {path: word_at(fields, path) for path in self.words}
        if status not in self.statuses or any(
            word not in self.words[path] for path, word in found.items()
        ):
            return None
        return next(iter(found.values()), f"http-{status}")


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """How a report on a message looks, and how it is proved."""

    proof: str  # message: its own secret address; address: one for all; hmac: a signed body
    method: str
    format: str
    id: str
    delivered: tuple[Rule, ...]
    failed: tuple[Rule, ...]
    header: str = ""
    prefix: str = ""
    secret: str = field(default="", repr=False)
    secret_variable: str = ""


@dataclass(frozen=True, kw_only=True)
class Supplier:
    """One described supplier. Its repr shows no secret."""

    name: str
    address: str
    method: str
    format: str
    number: str
    headers: Mapping[str, str]
    body: Body
    repeats_are_harmless: bool
    pattern: re.Pattern[str] | None
    id: str
    taken: tuple[Rule, ...]
    refused: tuple[Rule, ...]
    busy: tuple[Rule, ...]
    dead: frozenset[str]
    receipt: Receipt | None
    secrets: Mapping[str, str] = field(repr=False)


def first_reason(rules: Sequence[Rule], fields: object, status: int = HTTPStatus.OK) -> str | None:
    """Give the reason by the first rule that fits; None where none does."""
    reasons = (rule.reason_in(fields, status) for rule in rules)
    return next((reason for reason in reasons if reason is not None), None)


def word_at(fields: object, path: str) -> str:
    """Read the text or whole number at a path such as results.0.code; "" for anything else."""
    for key in path.split("."):
        if isinstance(fields, dict):
            fields = fields.get(key)
        elif isinstance(fields, list) and key.isdigit() and int(key) < len(fields):
            fields = fields[int(key)]
        else:
            return ""
    if isinstance(fields, bool):
        return str(fields).lower()
    return str(fields).strip() if isinstance(fields, str | int) else ""


def filled(value: object, places: Mapping[str, str]) -> object:
    """Put what stands for the places into every text of a body."""
    if isinstance(value, str):
        return PLACE.sub(lambda place: places[place[1]], value)
    if isinstance(value, dict):
        return {key: filled(each, places) for key, each in value.items()}
    return [filled(each, places) for each in value] if isinstance(value, list) else value
