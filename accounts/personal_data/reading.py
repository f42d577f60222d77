"""How what is stored about a person is read, and which of it is said in other words."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Count, Max, Min, Model, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from accounts.access import browsers
from accounts.access.sessions import SessionStore
from accounts.models import Account, AuditEvent, Custody
from accounts.personal_data.parts import Show
from otp import phones
from otp.codes.reasons import fate_in_words, state_in_words
from otp.counting import keyed_names
from otp.models import DeadNumberDay, Message

Rows = Callable[[Account], "QuerySet[Any, Any]"]


def with_account() -> object:
    """Say how long what goes with the account is kept."""
    return _("đến khi tài khoản bị xóa")


def own(model: type[Model], *order: str, field: str = "account") -> Rows:
    """Read the rows of a table that belong to a person."""
    return lambda person: _rows(model).filter(**{field: person}).order_by(*order)


def keyed(model: type[Model], since: str) -> Rows:
    """Read the rows that stand under the keyed name of a person's address.

    Not those from before the account: the address may have been somebody else's.
    """

    def rows(person: Account) -> "QuerySet[Any]":
        keys = keyed_names.names_of("address", person.address)
        found = {"address_key__in": keys, f"{since}__gte": person.created_at}
        return _rows(model).filter(**found).order_by(f"-{since}")

    return rows


def with_roles(rows: "QuerySet[Any]", *fields: str) -> "QuerySet[Any]":
    """Read beside each row the role of those who did it."""
    roles = {
        f"{field}_role": Subquery(
            Group.objects.filter(user=OuterRef(field)).order_by("name").values("name")[:1]
        )
        for field in fields
    }
    annotated: QuerySet[Any] = rows.annotate(**roles)
    return annotated


def dead_days(person: Account) -> "QuerySet[DeadNumberDay]":
    keys = keyed_names.names_of("phone", person.phone) if person.phone else []
    return DeadNumberDay.objects.filter(phone_key__in=keys).order_by("-local_day")


def each_way(message: Message, person: Account) -> str:
    """Say what became of a message that went by several ways; "" for one of one way."""
    return fate_in_words(message) if message.other_ways else ""


def state_of_message(message: Message, person: Account) -> str:
    return state_in_words(message.state, message.channel)


def mailboxes(person: Account) -> "QuerySet[Custody]":
    found = Custody.objects.filter(Q(responsible=person) | Q(deputy=person) | Q(mailbox=person))
    return found.select_related("mailbox").order_by("mailbox__address")


def trail(person: Account) -> "QuerySet[AuditEvent]":
    """Read what happened to an account; what was tried with its address only since it is there."""
    own = Q(account=person) | Q(at__gte=person.created_at)
    found = AuditEvent.objects.concerning(person).filter(own)
    return with_roles(found.order_by("-at", "-pk"), "actor")


def acts(person: Account) -> "QuerySet[AuditEvent, Any]":
    """Count what a member of staff did to others, kind by kind: it is not told to whom."""
    done = AuditEvent.objects.filter(actor=person).exclude(account=person).order_by()
    counted = done.values("event").annotate(count=Count("pk"), first=Min("at"), last=Max("at"))
    return counted.order_by("event")


def masked(field: str) -> Show:
    """Tell a number by its last digits, as every page does (PH-06)."""
    return lambda row, _: phones.mask(getattr(row, field), settings.PHONE_MASK_DIGITS)


def of_session(name: str) -> Show:
    return lambda row, _: SessionStore().decode(row.session_data).get(name, "")


def session_browser(row: Any, person: Account) -> str:
    return browsers.in_words(SessionStore().decode(row.session_data).get("browser", ""))


def roles(row: Account, person: Account) -> str:
    return ", ".join(map(_, row.groups.values_list("name", flat=True)))


def by_role(field: str) -> Show:
    """Tell who did it: the person, or a member of staff by their role, never by name."""

    def who(row: Any, person: Account) -> str:
        actor = getattr(row, f"{field}_id")
        if actor is None:
            return _("hệ thống, hoặc người chưa đăng nhập")
        if actor == person.pk:
            return _("bạn")
        role = getattr(row, f"{field}_role")
        return _(role) if role else _("cán bộ")

    return who


def task(row: Custody, person: Account) -> str:
    """Say what a mailbox is to a person."""
    if row.responsible_id == person.pk:
        return _("người phụ trách")
    return _("người thay") if row.deputy_id == person.pk else _("chính hộp thư này")


def _rows(model: type[Model]) -> "QuerySet[Any]":
    return QuerySet(model)


def event(row: dict[str, Any], _: Account) -> str:
    return AuditEvent.name_of(row["event"])


def counted(name: str) -> Show:
    return lambda row, _: row[name]
