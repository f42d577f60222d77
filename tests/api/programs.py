"""Programs of the tests, and how they call."""

import datetime as dt
import json

from django.test import Client
from django.utils import timezone

from accounts.api import tokens
from accounts.models import Account, ProgramToken, Unit
from tests.support import cast

ALL = list(ProgramToken.Scope.values)
HERE = "127.0.0.1"
WHY = {"reason": "Nghỉ việc", "ticket": "12/QĐ"}


def admit(name="Quản lý cán bộ", *, scopes=None, unit=None, networks=(HERE,), days=30):
    """Give a token that opens everything, unless told otherwise."""
    # What left the portal is of no unit.
    scopes = scopes or [each for each in ALL if not (unit and each == "messages")]
    return tokens.make(
        name=name,
        scopes=scopes,
        unit=unit,
        networks=networks,
        last_day=timezone.localdate() + dt.timedelta(days=days),
        by=Account.objects.get(address__startswith="huong@"),
    ).token


class Programs(cast.Cast):
    """A mixin: An is of a ward of Sở Y tế, Binh of Sở Tài chính; Huong is the province's IT."""

    def set_up_programs(self):
        self.set_up_people()
        self.ours = Unit.objects.create(name="Sở Y tế", code="SYT")
        self.ward = Unit.objects.create(name="Phòng Tổ chức", parent=self.ours)
        self.theirs = Unit.objects.create(name="Sở Tài chính")
        Account.objects.filter(pk=self.an.pk).update(unit=self.ward)
        Account.objects.filter(pk=self.binh.pk).update(unit=self.theirs)
        self.huong = cast.make_staff("huong", "province-it", unit=self.ours)

    def get(self, page, token, **extra):
        return Client().get(f"/api/v1/{page}", headers=shown(token), **extra)

    def post(self, page, token, body=WHY, *, key="", **extra):
        headers = shown(token) | ({"Idempotency-Key": key} if key else {})
        body = body if isinstance(body, str | bytes) else json.dumps(body)
        return Client().post(
            f"/api/v1/{page}", body, content_type="application/json", headers=headers, **extra
        )

    def is_locked(self, account):
        return Account.objects.get(pk=account.pk).is_locked


def shown(token):
    return {"Authorization": f"Bearer {token}"} if token else {}
