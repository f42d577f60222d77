"""Describes the API as OpenAPI 3.1; tests walk along it and compare it with the answers."""

from typing import Any

from django.conf import settings

from accounts.api import campaigns
from accounts.api.answers import FAULTS
from accounts.api.changes import KEPT, LONGEST_KEY
from accounts.api.loading import COLUMNS, MOST_ROWS
from accounts.api.people import MOST_ON_A_PAGE, USUAL_ON_A_PAGE
from accounts.api.sent import LATELY
from accounts.campaigns.password_counts import CampaignCounts
from accounts.campaigns.phone_figures import Progress
from accounts.models import Account, Campaign, PhoneCampaign, ProgramToken
from otp.models import Message
from otp.sentences import duration

VERSION = "1.1"

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
        *_paging(),
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
        "/accounts/{address}/lock": _lock("Khóa tài khoản, kết thúc mọi phiên.", here),
        "/accounts/{address}/unlock": _lock("Mở khóa tài khoản.", here),
        "/loads": _post(
            "Nhập tài khoản: tất cả các dòng hoặc không dòng nào. dry_run: chỉ thử.",
            Scope.LOADING,
            [],
            ("Load", "Loaded"),
            (400, 422),
        ),
        **_campaign_paths(),
        **_message_paths(),
    }


def _campaign_paths() -> Schema:
    here = _parameter("id", "path", {"type": "integer"}, required=True)
    paths = {}
    for kind, name, words in (
        ("password", "PasswordCampaign", "đổi mật khẩu mặc định"),
        ("phone", "PhoneCampaign", "cập nhật số điện thoại"),
    ):
        paths[f"/campaigns/{kind}"] = _get(
            f"Các chiến dịch {words}.", _ref(f"{name}s"), Scope.CAMPAIGNS, _paging(), (422,)
        )
        paths[f"/campaigns/{kind}/{{id}}"] = _get(
            f"Một chiến dịch {words}, với số liệu từng đơn vị, gồm cả cấp dưới.",
            _ref(f"{name}WithFigures"),
            Scope.CAMPAIGNS,
            [here],
            (404,),
        )
    return paths


def _message_paths() -> Schema:
    moment = {"type": "string", "format": "date-time"}
    channel = {"type": "string", "enum": list(Message.Channel.values)}
    state = {"type": "string", "enum": list(Message.State.values)}
    listed = [
        _parameter("since", "query", moment, f"Không ghi thì lấy {duration(LATELY)} gần nhất."),
        _parameter("channel", "query", channel),
        _parameter("state", "query", state),
        *_paging(),
    ]
    day = _parameter("day", "query", {"type": "string", "format": "date"}, "Không ghi: hôm nay.")
    return {
        "/messages": _get(
            "Tin đã gửi, không có số, địa chỉ và nội dung.",
            _ref("Messages"),
            Scope.MESSAGES,
            listed,
            (422,),
        ),
        "/messages/counts": _get(
            "Số tin tạo trong một ngày, theo kết quả.",
            _ref("MessageCounts"),
            Scope.MESSAGES,
            [day],
            (422,),
        ),
    }


def _paging() -> list[Schema]:
    return [
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


def _lock(summary: str, here: Schema) -> Schema:
    return _post(summary, Scope.LOCKS, [here], ("Ground", "Changed"), (400, 404, 422))


def _post(
    summary: str,
    scope: Scope,
    parameters: list[Schema],
    bodies: tuple[str, str],
    faults: tuple[int, ...],
) -> Schema:
    """Describe a call that changes something; `bodies` are what is sent and what is answered."""
    asked, answered = bodies
    key = _parameter(
        "Idempotency-Key",
        "header",
        {"type": "string", "maxLength": LONGEST_KEY},
        f"Gọi lại cùng khóa trong {_HOURS} giờ thì nhận lại câu trả lời cũ, không làm lần nữa.",
    )
    operation = {
        "summary": summary,
        "parameters": [*parameters, key],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(asked)}},
        },
        "responses": _responses(_ref(answered), 403, *faults),
    }
    return {"post": _of_scope(operation, scope)}


def _of_scope(operation: Schema, scope: Scope | None) -> Schema:
    return operation | ({"x-scope": scope.value} if scope is not None else {})


def _responses(schema: Schema, *faults: int) -> Schema:
    right = {"description": "Đúng", "content": {"application/json": {"schema": schema}}}
    wrong = {"application/problem+json": {"schema": _ref("Problem")}}
    return {"200": right} | {
        str(status): {"description": FAULTS[status][1], "content": wrong}
        for status in sorted({401, 405, 422, 429, 503, *faults})
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
        **_campaign_schemas(),
        **_message_schemas(),
        "Row": _object("address", **dict.fromkeys(COLUMNS, text)),
        "Load": _object(
            "rows",
            rows=_list("Row") | {"minItems": 1, "maxItems": MOST_ROWS},
            dry_run=flag | {"default": False},
        ),
        "Fault": _object(row=whole, address=text, reason=text),
        "Loaded": _object(
            loaded=flag,
            **dict.fromkeys(
                ("created", "updated", "unchanged", "phones_kept", "without_way_in"), whole
            ),
            faults=_list("Fault"),
        ),
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


def _campaign_schemas() -> Schema:
    whole, text = {"type": "integer"}, {"type": "string"}
    day, moment = {"type": ["string", "null"]}, {"type": ["string", "null"]}
    schemas: Schema = {}
    for name, kind, figures, last_day in (
        ("PasswordCampaign", Campaign, CampaignCounts(), "lock_day"),
        ("PhoneCampaign", PhoneCampaign, Progress(), "asked_first_from"),
    ):
        said: Schema = {
            "id": whole,
            "name": text,
            "state": {"type": "string", "enum": list(kind.State.values)},
            "first_day": day,
            last_day: day,
            "started_at": moment,
            "ended_at": moment,
        }
        counts: Schema = dict.fromkeys(campaigns.in_figures(figures), whole)
        schemas |= {
            name: _object(**said),
            f"{name}s": _object(campaigns=_list(name), next={"type": ["string", "null"]}),
            f"{name}Figures": _object(**counts),
            f"{name}OfUnit": _object(unit=whole, path=text, **counts),
            f"{name}WithFigures": _object(
                **said, total=_ref(f"{name}Figures"), units=_list(f"{name}OfUnit")
            ),
        }
    return schemas


def _message_schemas() -> Schema:
    whole, text = {"type": "integer"}, {"type": "string"}
    kinds: Schema = {
        "channel": {"type": "string", "enum": list(Message.Channel.values)},
        "gateway": text,
        "state": {"type": "string", "enum": list(Message.State.values)},
    }
    return {
        "Message": _object(
            id=whole,
            **kinds,
            purpose=text,
            reason=text,
            tries=whole,
            created_at=text,
            changed_at=text,
            accepted_at={"type": ["string", "null"]},
        ),
        "Messages": _object(messages=_list("Message"), next={"type": ["string", "null"]}),
        "MessageCount": _object(**kinds, count=whole),
        "MessageCounts": _object(day=text, counts=_list("MessageCount")),
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
