"""The code that the hotline gives on top: its place opens to whoever is told a word, and no other.

The SMS goes to the person anyway; the word keeps the stranger who used up the day from asking.
"""

import datetime as dt
import secrets

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.credentials.refusals import NotNow
from accounts.folding import words
from accounts.models import Account, AuditEvent, DailyHelp
from accounts.models.audit_event import Ground
from otp import codes, office
from otp.codes import status
from otp.counting import keyed_names
from otp.sentences import duration

AGAIN = dt.timedelta(minutes=1)  # after which a word that was not used may be drawn anew

# Read out on the telephone, and typed without accents.
_WORDS = words("""
ao ba ban bao bat ben bia binh bo bong bua but ca cam cao cay chanh chieu cho chuong co com cua dao
dat day den dia dinh doi dong dua duong ga gao gieng gio go gom hang hat heo hoa hong khoai kem keo
khe la lua mai man may mia mit mo muoi nam nep nghe ngo ngua nho non nui oi ong qua que rau rung
ruou sao sen song suoi suong tam than thu thuyen tia tim toi tre trau trung tuyet ve vai vuon xanh
xoai xuan yen
""")


@sensitive_variables()
def grant(account: Account, *, actor: Account, ground: Ground) -> str:
    """Grant the day's extra code and give its word, which is shown once and stored nowhere.

    Raises `NotNow`: it is granted once a day. A word that was not used, and perhaps never seen, may
    be drawn anew. The gap between two codes stays.
    """
    word = _draw()
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        help_given, is_first = DailyHelp.objects.get_or_create(
            account=account, kind=DailyHelp.Kind.CODE, local_day=office.today()
        )
        if not is_first:
            _refuse_second(help_given)
        if not status.status_of(account.address).is_spent:
            raise NotNow(_("Tài khoản còn lượt yêu cầu mã hôm nay, không cần cấp thêm."))
        help_given.word_key = keyed_names.name_of("extra-code", _named(account.address, word))
        help_given.given_at = timezone.now()
        help_given.save(update_fields=["word_key", "given_at"])
        AuditEvent.record(AuditEvent.Event.CODE_GRANTED, account, actor=actor, ground=ground)
    return word


@sensitive_variables("word")
def redeem(address: str, word: str) -> bool:
    """Open the extra place of today for whoever knows its word, in the transaction that issues.

    A wrong word, a word of yesterday and an address that nobody has are the same: nothing opens.
    """
    granted = DailyHelp.objects.filter(
        kind=DailyHelp.Kind.CODE,
        word_key__in=keyed_names.names_of("extra-code", _named(address, word)),
        local_day=office.today(),
        used_at=None,
    )
    if granted.exists() and codes.give_one_more(address):
        granted.update(used_at=Now())
        return True
    return False


def _refuse_second(help_given: DailyHelp) -> None:
    if not help_given.is_open:
        raise NotNow(_("Hôm nay tài khoản này đã được cấp thêm một mã rồi."))
    if timezone.now() < help_given.given_at + AGAIN:
        raise NotNow(
            _(
                "Vừa cấp thêm một mã cho tài khoản này. Nếu không có từ để đọc, hãy cấp lại sau"
                " %(wait)s."
            )
            % {"wait": duration(AGAIN)}
        )


def _draw() -> str:
    return f"{secrets.choice(_WORDS)} {secrets.choice(_WORDS)} {secrets.randbelow(1000):03d}"


def _named(address: str, word: str) -> str:
    return f"{address} {''.join(words(word))}"
