"""Accounts that programs load: by the loader's own rules, in whole or not at all."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from accounts.api import tokens
from accounts.api.answers import Refusal
from accounts.loading import account_table
from accounts.models import Account, AuditEvent, ProgramToken
from accounts.spreadsheets.sheet import Sheet, SheetRow, clean

MOST_ROWS = 200  # in one call
# Neither a password nor a word that one is a default: these are for people to load.
COLUMNS = ("address", "full_name", "kind", "unit", "phone")

Row = Mapping[str, str]


def try_out(program: ProgramToken, rows: Sequence[Row]) -> dict[str, Any]:
    """Say what the rows would do, and what is wrong with each."""
    return _told(_run(program, rows, apply=False), loaded=False)


def load(program: ProgramToken, rows: Sequence[Row]) -> dict[str, Any]:
    """Load the rows on record, in the caller's transaction; raises Refusal with every fault."""
    outcome = _run(program, rows, apply=True)
    if outcome.faults:
        reasons: dict[str, list[str]] = defaultdict(list)
        for fault in outcome.faults:
            reasons[str(fault.row)].append(fault.reason)
        raise Refusal(
            422, "rows", "Không nhập dòng nào: hãy sửa các dòng nêu trong errors.", reasons
        )
    told = _told(outcome, loaded=True)
    AuditEvent.record(
        AuditEvent.Event.PROGRAM_LOADED,
        program=program.name,
        **{name: told[name] for name in ("created", "updated", "unchanged")},
    )
    return told


def _run(program: ProgramToken, rows: Sequence[Row], *, apply: bool) -> account_table.LoadOutcome:
    units = tokens.units_of(program)

    def is_own(account: Account) -> bool:
        return units is None or account.unit_id in units

    lines = [
        SheetRow(number, tuple(clean(row.get(name, "")) for name in COLUMNS))
        for number, row in enumerate(rows, 1)
    ]
    return account_table.run(Sheet(COLUMNS, lines), apply=apply, scope=is_own)


def _told(outcome: account_table.LoadOutcome, *, loaded: bool) -> dict[str, Any]:
    return {
        "loaded": loaded,
        "created": outcome.created,
        "updated": outcome.updated,
        "unchanged": outcome.unchanged,
        "phones_kept": outcome.phones_kept,
        "without_way_in": outcome.without_way_in,
        "faults": [
            {"row": fault.row, "address": fault.address, "reason": fault.reason}
            for fault in outcome.faults
        ],
    }
