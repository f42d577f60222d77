"""The people of the tests, and what every test does with them."""

import functools
import re
from typing import Any

from django.contrib.auth.hashers import make_password
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.credentials.hashers import BoundedArgon2Hasher
from accounts.models import Account
from accounts.organisation import roles
from otp import codes
from otp.models import Code, Message

PASSWORD = "Ruong-bac-thang-7"
NEW_PASSWORD = "Cay-khe-truoc-san-9"

# An address with the unseen signs that come along when it is pasted from a message.
PASTED = "\u202aan@hagiang.gov.vn\u200b\u202c"

LOGIN = "/dang-nhap/"
FACTOR = "/dang-nhap/yeu-to-thu-hai/"
ASK = "/quen-mat-khau/"
CODE = "/quen-mat-khau/xac-thuc/"
NEW = "/quen-mat-khau/mat-khau-moi/"

# What the admin's page of an account sends where it has no alias.
NO_ALIASES = {"addresses-TOTAL_FORMS": 0, "addresses-INITIAL_FORMS": 0}


class Cast:
    """A mixin: An has a phone, Binh has none, Chi is locked, Dung is disabled.

    Em still has the default password; nobody is called `khong.co`.
    """

    an: Account
    binh: Account
    chi: Account
    dung: Account
    em: Account
    client: Client

    def set_up_people(self) -> None:
        now = timezone.now()
        self.an = make("an", phone="+84987466981", phone_confirmed_at=now, full_name="Lý Văn An")
        self.binh = make("binh", full_name="Vàng Thị Bình")
        self.chi = make("chi", phone="+84912000222", phone_confirmed_at=now, locked_at=now)
        self.dung = make("dung", phone="+84912000333", phone_confirmed_at=now, is_active=False)
        self.em = make("em", has_default_password=True)

    def ask(self, address: str = "an", client: Client | None = None) -> Any:
        return (client or self.client).post(ASK, {"address": address})

    def guess(self, code: str, client: Client | None = None) -> Any:
        return (client or self.client).post(CODE, {"code": code})

    def choose(self, password: str = NEW_PASSWORD, client: Client | None = None) -> Any:
        data = {"new_password1": password, "new_password2": password}
        return (client or self.client).post(NEW, data)

    def log_in(
        self, name: str = "an", password: str = PASSWORD, client: Client | None = None
    ) -> Any:
        data = {"username": name, "password": password}
        r = (client or self.client).post(LOGIN, data)
        if r.status_code == 302:
            forget_told_of_devices()
        return r

    def come_in(self, staff: Account, client: Client | None = None) -> Any:
        """Log in as staff, and show the second factor."""
        (client or self.client).cookies.clear()
        self.log_in(staff.address, client=client)
        return (client or self.client).post(FACTOR, {"token": token_of(staff)})

    def inside(self, staff: Account) -> Client:
        """Give a browser in which somebody of the staff has come in."""
        client = Client()
        self.come_in(staff, client)
        return client

    def act_on(self, action: str, *people: Account, client: Client | None = None) -> Any:
        """Tick people in the list of accounts, choose what is done to them, and confirm it."""
        page = "/quan-tri/accounts/account/"
        data = {"action": action, "_selected_action": [person.pk for person in people]}
        r = (client or self.client).post(page, data)
        return (client or self.client).post(
            r.url, {"confirm": "1", "why": "Theo công văn"}, follow=True
        )


def make_staff(name: str, role: str = "", **columns: Any) -> Account:
    """Make a member of staff with an app for the second factor; without a role, a superuser."""
    staff = make(name, is_staff=True, is_superuser=not role, **columns)
    if role:
        staff.groups.set(roles.groups_of(roles.NAMES[role]))
    TOTPDevice.objects.create(user=staff, name="app")
    return staff


def token_of(staff: Account) -> str:
    """Read the app of a member of staff, as if half a minute had passed since the last time."""
    TOTPDevice.objects.filter(user=staff).update(last_t=-1)
    device = TOTPDevice.objects.get(user=staff)
    return f"{TOTP(device.bin_key, device.step, device.t0, device.digits).token():06d}"


@functools.cache
def _hashed(_cost: int) -> str:
    return make_password(PASSWORD)


def make(name: str, **columns: Any) -> Account:
    """Make an account with PASSWORD; its hash of one cost is computed once for all tests."""
    account = Account.objects.create_user(name, None, **columns)
    account.password = _hashed(BoundedArgon2Hasher.memory_cost)
    account.save(update_fields=["password"])
    return account


def newest_code() -> str:
    """Give the digits that the sender would put into the newest message."""
    code = Code.objects.latest("issued_at")
    return codes.digits(code.pk, code.pepper_id)


def wrong_code() -> str:
    """Give six digits that are not the newest code."""
    return f"{(int(newest_code()) + 1) % 10**6:06d}"


def code_in(text: str) -> str:
    """Read the code in an SMS."""
    found = re.search(r"\b\d{6}\b", text)
    assert found, text
    return found.group()


def forget_told_of_devices() -> None:
    """Take back the mails about log-ins in new browsers (tests/self_service/test_devices.py)."""
    Message.objects.filter(subject="Đăng nhập từ thiết bị mới").delete()


def queued() -> int:
    """Count the messages that would go out."""
    return Message.objects.exclude(state=Message.State.SKIPPED).count()


def spelled(phone):
    """Find a number in any spelling: national, international, with marks between the digits."""
    return re.compile(r"[\s.\-()%20]{0,3}".join(phone.removeprefix("+84")))


def code_as_typed(digits):
    """Find a code that stands by itself, and not within a hash or an address of memory."""
    return re.compile(rf"(?<![0-9A-Za-z]){digits[:3]}[\s.-]?{digits[3:]}(?![0-9A-Za-z])")


def without_fractions(text):
    """Leave out the fractions of seconds, which look like codes."""
    return re.sub(r"(:\d\d)\.\d{1,6}", r"\1", text)
