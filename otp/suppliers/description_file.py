"""Reads and checks the files in TOML that describe suppliers of SMS."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

from otp.suppliers.description import PLACE, Receipt, Rule, Supplier, filled

VARIABLE = "SMS_SUPPLIER_FILES"
NUMBERS = ("+84", "84", "0")  # how a number begins
METHODS = ("POST", "PUT")  # an address is logged on the way: no code may stand in one
LONGEST_WORD = 64  # characters
# The portal's own places; those of secrets stand beside them.
PLACES = frozenset({"to", "text", "id", "receipt", "brand"})
IN_HEADERS = frozenset({"id", "brand"})

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SECRET = re.compile(r"[a-z][a-z0-9_]*")
_SECRET_VARIABLE = re.compile(r"SMS_[A-Z0-9_]+")  # never one of the portal's own secrets
_PATH = re.compile(r"[\w-]+(\.[\w-]+)*", re.ASCII)
_STATUS = re.compile(r"[245](xx|[0-9]{2})")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_OF_THE_TRANSPORT = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_KINDS = {str: "a text in quotation marks", bool: "true or false", list: "a list", dict: "a table"}
_ANSWERED = frozenset(range(200, 300))
_NOT_DONE = frozenset(range(400, 500))

T = TypeVar("T")


def load(paths: Sequence[str], env: Env) -> dict[str, Supplier]:
    """Read the files, and give each supplier by the name of its file, with its secrets.

    Raises ImproperlyConfigured, which names the file and the key to mend.
    """
    suppliers: dict[str, Supplier] = {}
    for path in (Path(each.strip()) for each in paths):
        if path.stem in suppliers:
            raise _improper(path, "has the name of another file")
        try:
            suppliers[path.stem] = _supplier(path, env)
        except OSError as error:
            raise _improper(path, f"cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise _improper(path, f"is not TOML in UTF-8: {error}") from None
        except _Fault as fault:
            raise _improper(path, str(fault)) from None
    return suppliers


class _Fault(Exception):
    """What is wrong with one key, or with the file."""


def _improper(path: Path, wrong: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{VARIABLE}: {path}: {wrong}.")


class _Table:
    """A table of the file, whose keys are taken one by one; one that is left over is a fault."""

    def __init__(self, values: dict[str, object], path: str = "") -> None:
        self._values = dict(values)
        self.path = path

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def fault(self, key: str, wrong: str) -> _Fault:
        return _Fault(f"{self.path}{key} {wrong}")

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        value = self._values.pop(key, default)
        if value is None:
            raise self.fault(key, "is missing")
        if not isinstance(value, kind):
            raise self.fault(key, f"must be {_KINDS[kind]}")
        return value

    def table(self, key: str, default: dict[str, object] | None = None) -> "_Table":
        return _Table(self.take(key, dict, default), f"{self.path}{key}.")

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        value = self.take(key, str, default)
        if value not in choices:
            raise self.fault(key, f"must be one of {', '.join(choices)}")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], default: str | None = None) -> str:
        value = self.take(key, str, default)
        if value != default and not pattern.fullmatch(value):
            raise self.fault(key, f"is {value!r}, and must look like {pattern.pattern}")
        return value

    def words(self, key: str, default: list[object] | None = None) -> frozenset[str]:
        values = self.take(key, list, default)
        for value in values:
            if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_WORD:
                raise self.fault(key, "must be a list of texts, each in quotation marks")
        if not values and default is None:
            raise self.fault(key, "must not be empty")
        return frozenset(map(str, values))

    def rest(self) -> Iterator[str]:
        """Give the keys that are left, for tables whose keys are the supplier's own."""
        yield from list(self._values)

    def end(self) -> None:
        for key in sorted(self._values):
            raise self.fault(key, "is no key of a supplier's description")


def _supplier(path: Path, env: Env) -> Supplier:
    if not _NAME.fullmatch(path.stem) or path.suffix != ".toml":
        raise _Fault("must be named in a-z, 0-9 and hyphens, with .toml behind")
    top = _Table(tomllib.loads(path.read_text(encoding="utf-8")))
    variables = _variables(top.table("secrets", {}))
    secrets = {name: _secret(name, variable, env) for name, variable in variables.items()}
    request, answer = top.table("request"), top.table("answer")
    receipt = _receipt(top.table("receipt"), variables, secrets) if "receipt" in top else None
    pattern = _pattern(answer)
    body = request.take("body", dict)
    supplier = Supplier(
        name=path.stem,
        address=_address(request),
        method=request.choice("method", METHODS, "POST"),
        format=request.choice("format", ("json", "form")),
        number=request.choice("number", NUMBERS),
        headers=_headers(request.table("headers", {}), secrets),
        body=body,
        repeats_are_harmless=top.take("repeats_are_harmless", bool, default=False),
        pattern=pattern,
        id=answer.matching("id", _PATH, ""),
        taken=_rules(answer, "taken", alone=_ANSWERED),
        refused=_rules(answer, "refused", alone=_NOT_DONE, default=[]),
        busy=_rules(answer, "busy", alone=_NOT_DONE, default=[]),
        dead=top.words("dead", []),
        receipt=receipt,
        secrets=secrets,
    )
    for table in (request, answer, top):
        table.end()
    _check(supplier)
    return supplier


def _variables(table: _Table) -> dict[str, str]:
    """Read which variable of the environment holds which secret."""
    variables = {}
    for name in table.rest():
        if not _SECRET.fullmatch(name) or name in PLACES:
            raise table.fault(name, "must be a name in a-z, 0-9 and _ that no other place has")
        variables[name] = table.matching(name, _SECRET_VARIABLE)
    return variables


def _secret(name: str, variable: str, env: Env) -> str:
    value: str = env.str(variable, "")
    if not value:
        raise _Fault(f"secrets.{name} is in {variable}, which is not set")
    return value


def _address(request: _Table) -> str:
    """Read the address; whether others could read what goes there is checked with the others'."""
    address = request.take("address", str)
    try:
        parts = urlsplit(address)
        usable = parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        usable = False
    if not usable or not address.isascii() or re.search(r"[\s{}#]", address):
        raise request.fault(
            "address", "must be an address such as https://sms.example.vn/send, without places"
        )
    return address


def _headers(table: _Table, secrets: Mapping[str, str]) -> dict[str, str]:
    """Read the headers, which hold secrets at most: never a number or a text."""
    headers = {}
    for name in table.rest():
        if not _HEADER.fullmatch(name) or name.lower() in _OF_THE_TRANSPORT:
            raise table.fault(name, "is no header that can be set")
        headers[name] = table.take(name, str)
        for place in PLACE.findall(headers[name]):
            if place not in IN_HEADERS | secrets.keys():
                raise table.fault(name, f"holds {{{place}}}, which is no place of a header")
        value = str(filled(headers[name], dict.fromkeys(IN_HEADERS, "x") | dict(secrets)))
        if not value.isascii() or not value.isprintable():
            raise table.fault(name, "must be of plain letters in one line, its secrets too")
    return headers


def _pattern(answer: _Table) -> re.Pattern[str] | None:
    if "pattern" not in answer:
        return None
    try:
        return re.compile(answer.take("pattern", str))
    except re.error as error:
        raise answer.fault("pattern", f"is no regular expression: {error}") from None


def _rules(
    table: _Table, key: str, *, alone: frozenset[int], default: list[object] | None = None
) -> tuple[Rule, ...]:
    """Read a list of signs; of statuses that are not in `alone`, a word has to be named too."""
    rules = []
    values = table.take(key, list, default)
    for place, value in enumerate(values):
        if not isinstance(value, dict) or not value:
            raise table.fault(f"{key}[{place}]", "must be a table that is not empty")
        rules.append(_rule(_Table(value, f"{table.path}{key}[{place}]."), alone))
    if not rules and default is None:
        raise table.fault(key, "must not be empty")
    return tuple(rules)


def _rule(table: _Table, alone: frozenset[int]) -> Rule:
    texts = table.words("http") if "http" in table else frozenset({"2xx"})
    for text in texts:
        if not _STATUS.fullmatch(text):
            raise table.fault("http", 'must hold statuses such as "200", "4xx" or "503"')
    statuses = frozenset(
        status for text in texts for status in range(200, 600) if _is_status(text, status)
    )
    words = {}
    for path in table.rest():
        if not _PATH.fullmatch(path):
            raise table.fault(path, 'must be a path such as "code" or "results.0.code"')
        words[path] = table.words(path)
    if not words and not statuses <= alone:
        raise table.fault("http", "tells too little: name a field and its words beside it")
    return Rule(statuses=statuses, words=words)


def _is_status(text: str, status: int) -> bool:
    return text in (str(status), f"{status // 100}xx")


def _receipt(table: _Table, variables: Mapping[str, str], secrets: Mapping[str, str]) -> Receipt:
    proof = table.choice("proof", ("message", "address", "hmac"))
    name = ""
    if proof != "message":
        name = table.choice("secret", list(secrets))
    receipt = Receipt(
        proof=proof,
        method=table.choice("method", ("POST",) if proof == "hmac" else ("GET", "POST")),
        format=table.choice("format", ("query", "form", "json")),
        id=table.matching("id", _PATH, "" if proof == "message" else None),
        delivered=_rules(table, "delivered", alone=frozenset()),
        failed=_rules(table, "failed", alone=frozenset(), default=[]),
        header=table.matching("header", _HEADER) if proof == "hmac" else "",
        prefix=table.take("prefix", str, "") if proof == "hmac" else "",
        secret=secrets.get(name, ""),
        secret_variable=variables.get(name, ""),
    )
    if (receipt.method == "GET") != (receipt.format == "query"):
        raise table.fault("format", "must be query for GET, and form or json for POST")
    table.end()
    return receipt


def _check(supplier: Supplier) -> None:
    """Check what one key cannot say alone."""
    used = set(_places(supplier.body, "request.body", supplier.format))
    for place in sorted(used - PLACES - supplier.secrets.keys()):
        raise _Fault(f"request.body holds {{{place}}}, which is no place")
    by_message = supplier.receipt is not None and supplier.receipt.proof == "message"
    needed = {"to", "text"} | ({"receipt"} if by_message else set())
    for place in sorted(needed - used):
        raise _Fault(f"request.body must hold {{{place}}}")
    if "receipt" in used and not by_message:
        raise _Fault('request.body holds {receipt}, which needs receipt.proof = "message"')
    used.update(*map(PLACE.findall, supplier.headers.values()))
    if supplier.repeats_are_harmless and "id" not in used:
        raise _Fault("repeats_are_harmless needs {id} in the request: by what else is one known")
    if supplier.receipt and supplier.receipt.proof != "message" and not supplier.id:
        raise _Fault("answer.id is missing: a report could not be known by it")
    _check_pattern(supplier)


def _places(value: object, key: str, layout: str) -> Iterator[str]:
    """Name the places in a body; one of a form has no tables within."""
    if isinstance(value, str):
        yield from PLACE.findall(value)
    elif isinstance(value, dict | list) and (layout == "json" or key == "request.body"):
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(each, f"{key}.{name}", layout)
    elif layout == "form" or not isinstance(value, bool | int):
        wanted = "texts" if layout == "form" else "texts, whole numbers, true, false and tables"
        raise _Fault(f"{key} is none of {wanted}")


def _check_pattern(supplier: Supplier) -> None:
    if supplier.pattern is None:
        return
    rules = (*supplier.taken, *supplier.refused, *supplier.busy)
    named = {path for rule in rules for path in rule.words} | ({supplier.id} - {""})
    for path in sorted(named - supplier.pattern.groupindex.keys()):
        raise _Fault(f"answer.pattern has no group (?P<{path}>…), which answer names")
