"""The people of the demonstration, and its page /demo/; only `make run` has them."""

import json
import time
from collections import deque
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.addresses import canonical
from accounts.models import Account, Unit
from accounts.organisation import roles

PASSWORD = "Ruong-bac-thang-7"  # noqa: S105  (of every demo person, and printed)
TEXTS_SHOWN = 20

# Name, what it shows, and the columns that are not as usual.
_PEOPLE: tuple[tuple[str, str | Promise, dict[str, Any]], ...] = (
    (
        "abc.xx",
        gettext_lazy("có số điện thoại 0987 466 981"),
        {"full_name": "Lý Văn An", "phone": "+84987466981"},
    ),
    (
        "trungtamcntt.stttt",
        gettext_lazy("hộp thư của tổ chức, có số điện thoại"),
        {"phone": "+84912345678", "kind": Account.Kind.ORGANISATION},
    ),
    ("chua.capnhat", gettext_lazy("chưa có số điện thoại"), {"full_name": "Vàng Thị Bình"}),
    (
        "mac.dinh",
        gettext_lazy("còn mật khẩu mặc định"),
        {"full_name": "Hoàng Đức Em", "has_default_password": True},
    ),
    (
        "bi.khoa",
        gettext_lazy("tài khoản bị khóa"),
        {"full_name": "Nguyễn Thị Chi", "phone": "+84966777888", "locked": True},
    ),
    ("it", gettext_lazy("cán bộ CNTT của tỉnh, có xác thực hai lớp"), {"role": "province-it"}),
    (
        "it.donvi",
        gettext_lazy("cán bộ CNTT của một đơn vị, có xác thực hai lớp"),
        {"role": "unit-it"},
    ),
    ("hotline", gettext_lazy("cán bộ hỗ trợ, có xác thực hai lớp"), {"role": "hotline"}),
    ("kiemtra", gettext_lazy("cán bộ kiểm tra, chỉ xem, có xác thực hai lớp"), {"role": "auditor"}),
)


def people() -> list[dict[str, str]]:
    """Name the demo people: address, password, what they show."""
    return [
        {"address": canonical(name), "password": PASSWORD, "shows": str(shows)}
        for name, shows, _ in _PEOPLE
    ]


def make_people() -> None:
    """Make the demo people that are not there yet; those that are keep what was done to them."""
    with transaction.atomic():
        unit, _ = Unit.objects.get_or_create(name="Văn phòng Ủy ban nhân dân", code="VP")
        for name, _, columns in _PEOPLE:
            if not Account.objects.filter(address=canonical(name)).exists():
                _make(name, unit, **columns)


def _make(name: str, unit: Unit, *, locked: bool = False, role: str = "", **columns: Any) -> None:
    now = timezone.now()
    if columns.get("phone"):
        columns["phone_confirmed_at"] = now
    if locked:
        columns["locked_at"] = now
    columns["is_staff"] = bool(role)
    account = Account.objects.create_user(name, PASSWORD, unit=unit, **columns)
    if role:
        account.groups.set(roles.groups_of(roles.NAMES[role]))
        TOTPDevice.objects.create(user=account, name="demo")


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the simulated phone, the people to log in as, and the staff's second factor."""
    context = {
        "texts": _texts(Path(settings.SMS_FILE)),
        "people": people(),
        "staff": [_token(device) for device in TOTPDevice.objects.select_related("user")],
    }
    return render(request, "demo.html", context)


def _texts(file: Path) -> list[dict[str, object]]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        newest = deque(lines, maxlen=TEXTS_SHOWN)
    texts = [json.loads(line) for line in reversed(newest)]
    return [text | {"at": parse_datetime(text["at"])} for text in texts]


def _token(device: TOTPDevice) -> dict[str, object]:
    token = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift).token()
    return {
        "address": device.user.get_username(),
        "token": f"{token:0{device.digits}d}",
        "seconds": device.step - int(time.time() - device.t0) % device.step,
    }
