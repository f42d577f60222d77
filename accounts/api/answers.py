"""What programs are answered: JSON, and problems as RFC 9457 has them, in words and a code word."""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, JsonResponse

PREFIX = "/api/"

Row = TypeVar("Row", bound=Model)

# What a fault of this status is called, and what to do, where nobody says it better.
FAULTS = {
    400: ("unreadable", "Không đọc được yêu cầu", "Hãy gửi nội dung là một đối tượng JSON."),
    401: (
        "token",
        "Không có quyền gọi",
        "Khóa thiếu, sai, hết hạn, đã hủy, hoặc được dùng từ mạng khác. Hãy xem ở /quan-tri/.",
    ),
    403: ("scope", "Ngoài phạm vi của khóa", "Khóa này không được làm việc đó."),
    404: ("missing", "Không có", "Không có địa chỉ hoặc tài khoản này trong phạm vi của khóa."),
    405: ("method", "Sai phương thức", "Hãy gọi bằng phương thức mà tài liệu nêu."),
    413: ("too-large", "Nội dung quá lớn", "Hãy gửi nội dung ngắn hơn."),
    422: ("invalid", "Giá trị chưa đúng", "Hãy sửa các giá trị nêu trong errors."),
    429: ("too-many", "Gọi quá nhiều", "Hãy chờ hết số giây trong Retry-After rồi gọi lại."),
    500: ("fault", "Lỗi của hệ thống", "Không có gì bị thay đổi. Hãy báo bộ phận CNTT."),
    503: ("away", "Hệ thống đang bận", "Hãy gọi lại sau số giây trong Retry-After."),
}


class Refusal(Exception):
    """The call is not answered as asked, but by a problem."""

    def __init__(
        self, status: int, code: str = "", detail: str = "", errors: dict[str, Any] | None = None
    ) -> None:
        super().__init__(status, code)
        self.status, self.code, self.detail, self.errors = status, code, detail, errors


def is_of_program(request: HttpRequest) -> bool:
    """Whether the caller is a program, which reads no pages."""
    return request.path_info.startswith(PREFIX)


def answer(found: dict[str, Any], status: int = 200) -> JsonResponse:
    return JsonResponse(found, status=status, json_dumps_params={"ensure_ascii": False})


def page_of(rows: QuerySet[Row], *, after: int, most: int) -> tuple[list[Row], int | None]:
    """Give the rows behind the one with the key `after`, and the key from which to go on."""
    found = list(rows.filter(pk__gt=after).order_by("pk")[: most + 1])
    return found[:most], found[most - 1].pk if len(found) > most else None


def problem(
    status: int, code: str = "", detail: str = "", errors: dict[str, Any] | None = None
) -> JsonResponse:
    """Give a problem; its code word and its sentence are those of the status, where none are said.

    Its type is that of the status alone (about:blank), which RFC 9457 lets be left out.
    """
    usual, title, sentence = FAULTS[status]
    said = {
        "title": title,
        "status": status,
        "code": code or usual,
        "detail": detail or sentence,
        **({"errors": errors} if errors else {}),
    }
    response = answer(said, status)
    response.headers["Content-Type"] = "application/problem+json"
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
