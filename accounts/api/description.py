"""Describes the API as OpenAPI 3.1; tests walk along it and compare it with the answers."""

from typing import Any

from django.conf import settings

from accounts.api.answers import FAULTS
from accounts.api.changes import KEPT, LONGEST_KEY
from accounts.api.people import MOST_ON_A_PAGE, USUAL_ON_A_PAGE
from accounts.models import Account, ProgramToken

VERSION = "1.0"

_HOURS = int(KEPT.total_seconds()) // 3600
_COUNTS = ("accounts", "phones", "default_passwords", "never_logged_in", "locked")

Schema = dict[str, Any]
Scope = ProgramToken.Scope


def description() -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": settings.PROFILE.title,
            "version": VERSION,
            "description": "Mỗi lỗi là một problem có từ khóa lỗi trong code.",
        },
        "servers": [{"url": f"{settings.PUBLIC_BASE_URL}/api/v1"}],
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _paths() -> Schema:
    here = _parameter("address", "path", {"type": "string"}, required=True)
    listed = [
        _parameter("unit", "query", {"type": "integer"}, "Đơn vị này và cấp dưới."),
        _parameter(
            "changed_since",
            "query",
            {"type": "string", "format": "date-time"},
            "Chỉ tài khoản mới hoặc đã đổi từ lúc này. Tài khoản đã xóa không có trong danh sách.",
        ),
        _parameter("cursor", "query", {"type": "string"}, "Giá trị next của trang trước."),
        _parameter(
            "limit",
            "query",
            {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_ON_A_PAGE,
                "default": USUAL_ON_A_PAGE,
            },
        ),
    ]
    return {
        "/openapi.json": _get("Tài liệu này.", {"type": "object"}),
        "/status": _get("Tình trạng hệ thống, như /readyz.", _ref("Status"), Scope.STATUS),
        "/units": _get("Các đơn vị.", _ref("Units"), Scope.FIGURES),
        "/coverage": _get(
            "Số liệu của từng đơn vị, gồm cả cấp dưới.", _ref("Coverage"), Scope.FIGURES
        ),
        "/accounts": _get(
            "Danh sách tài khoản.", _ref("Accounts"), Scope.ACCOUNTS, listed, (404, 422)
        ),
        "/accounts/{address}": _get(
            "Một tài khoản, theo địa chỉ bất kỳ của nó.",
            _ref("Account"),
            Scope.ACCOUNTS,
            [here],
            (404,),
        ),
        "/accounts/{address}/lock": _post("Khóa tài khoản, kết thúc mọi phiên.", here),
        "/accounts/{address}/unlock": _post("Mở khóa tài khoản.", here),
    }


def _get(
    summary: str,
    schema: Schema,
    scope: Scope | None = None,
    parameters: list[Schema] | None = None,
    faults: tuple[int, ...] = (),
) -> Schema:
    if scope is not None:
        faults = (403, *faults)
    operation = {"summary": summary, "responses": _responses(schema, *faults)}
    return {"get": _of_scope(operation, scope) | {"parameters": parameters or []}}


def _post(summary: str, here: Schema) -> Schema:
    key = _parameter(
        "Idempotency-Key",
        "header",
        {"type": "string", "maxLength": LONGEST_KEY},
        f"Gọi lại cùng khóa trong {_HOURS} giờ thì nhận lại câu trả lời cũ, không làm lần nữa.",
    )
    operation = {
        "summary": summary,
        "parameters": [here, key],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("Ground")}},
        },
        "responses": _responses(_ref("Changed"), 400, 403, 404, 422),
    }
    return {"post": _of_scope(operation, Scope.LOCKS)}


def _of_scope(operation: Schema, scope: Scope | None) -> Schema:
    return operation | ({"x-scope": scope.value} if scope is not None else {})


def _responses(schema: Schema, *faults: int) -> Schema:
    right = {"description": "Đúng", "content": {"application/json": {"schema": schema}}}
    wrong = {"application/problem+json": {"schema": _ref("Problem")}}
    return {"200": right} | {
        str(status): {"description": FAULTS[status][1], "content": wrong}
        for status in sorted({401, 405, 429, 503, *faults})
    }


def _parameter(
    name: str, place: str, schema: Schema, words: str = "", *, required: bool = False
) -> Schema:
    described = {"description": words} if words else {}
    return {"name": name, "in": place, "required": required, "schema": schema} | described


def _schemas() -> Schema:
    text, whole, flag = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    unit_or_none = {"type": ["integer", "null"]}
    counts = dict.fromkeys(_COUNTS, whole)
    return {
        "Status": _object(ready=flag, parts={"type": "object", "additionalProperties": flag}),
        "Unit": _object(id=whole, name=text, code=text, parent=unit_or_none, path=text),
        "Units": _object(units=_list("Unit")),
        "Figures": _object(**counts),
        "UnitFigures": _object(unit=whole, path=text, **counts),
        "Coverage": _object(total=_ref("Figures"), units=_list("UnitFigures")),
        "Account": _object(
            address=text,
            kind={"type": "string", "enum": list(Account.Kind.values)},
            unit=unit_or_none,
            unit_path=text,
            state={"type": "string", "enum": ["open", "locked", "closed"]},
            phone_confirmed=flag,
            phone_masked=text,
        ),
        "Accounts": _object(accounts=_list("Account"), next={"type": ["string", "null"]}),
        "Ground": _object("reason", reason=text, ticket=text),
        "Changed": _object(locked=flag, changed=flag),
        "Problem": _object(
            *("title", "status", "code", "detail"),
            title=text,
            status=whole,
            code=text,
            detail=text,
            errors={"type": "object"},
        ),
    }


def _object(*required: str, **properties: Schema) -> Schema:
    """Describe an object that has these and no others; all are required, unless some are named."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required or properties),
        "additionalProperties": False,
    }


def _list(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
