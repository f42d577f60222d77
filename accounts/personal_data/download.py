"""The file of all that is stored about a person: JSON, written while the database is read."""

import json
from collections.abc import Iterator

from django.http import StreamingHttpResponse
from django.utils import timezone

from accounts.models import Account
from accounts.personal_data.collected import COLLECTED
from accounts.personal_data.left_out import LEFT_OUT
from accounts.personal_data.parts import Part, for_programs

FILE = "du-lieu-cua-toi.json"


def response(person: Account) -> StreamingHttpResponse:
    """Answer with the file. Rows are read one after another: somebody's trail may be long."""
    answer = StreamingHttpResponse(write(person), content_type="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="{FILE}"'
    return answer


def write(person: Account) -> Iterator[str]:
    """Write the file piece by piece."""
    head = {
        "dia_chi": person.address,
        "lap_luc": timezone.localtime().isoformat(),
        "khong_co_trong_tep": [str(reason) for reason in LEFT_OUT],
    }
    yield _json(head)[:-1] + ', "du_lieu": {'
    for number, part in enumerate(COLLECTED):
        yield ("," if number else "") + _json(part.key) + ": "
        yield from _part(part, person)
    yield "}}\n"


def _part(part: Part, person: Account) -> Iterator[str]:
    head = {"ten": str(part.title), "luu_trong": str(part.kept())}
    yield _json(head)[:-1] + ', "muc": ['
    for number, row in enumerate(part.told(person)):
        told = {label: for_programs(value) for label, value in row.items()}
        yield ("," if number else "") + "\n" + _json(told)
    yield "]}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
