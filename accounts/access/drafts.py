"""Keeps what was sent after the session had ended, until the same person has logged in again.

It is kept in the browser's next session, under a key that only the portal can make and that differs
for each person: never passwords and codes, not for long, and for nobody else.
"""

import base64
import datetime as dt
import json
import re
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.middleware.csrf import _unmask_cipher_token  # type: ignore[attr-defined]  # no stub
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.access import sessions
from accounts.access.staff import is_staff_page, is_verified_staff
from accounts.models import Account
from accounts.pages import drafts
from accounts.pages.requests import actor
from otp.counting import keyed_names
from otp.sentences import duration

KEPT_FOR = dt.timedelta(minutes=30)
AT_ONCE = 5  # pages of one browser
LARGEST = 16 * 1024  # bytes of one page

_SECRET = re.compile(r"(^|-)(csrfmiddlewaretoken|\w*password\d?|code|token|word|proof)$")
_TOKEN = re.compile(r"[A-Za-z0-9]{64}")  # a mask, and a secret under it
_DRAFTS = "drafts"
_OWNER = "drafts_of"
_FORMS = "forms"


class DraftMiddleware(MiddlewareMixin):
    """Keep what is sent too late, before the log-in is asked for; show it on its page after it."""

    def process_view(self, request: HttpRequest, view: object, *_args: object) -> None:
        _note_owner(request)
        if not getattr(view, "login_required", True):
            return
        if request.method == "POST":
            owner = _sender(request)
            if owner and keep(request, owner):
                messages.warning(
                    request,
                    _(
                        "Phiên đăng nhập đã kết thúc nên nội dung vừa nhập chưa được gửi. Hãy đăng"
                        " nhập lại: trong %(period)s, nội dung đó vẫn còn (trừ mật khẩu và mã)."
                    )
                    % {"period": duration(KEPT_FOR)},
                )
        elif request.method == "GET" and isinstance(request.user, Account):
            typed = _read(request.session, request.user.pk, request.get_full_path())
            if typed is not None:
                request.draft = drafts.Draft(typed)  # type: ignore[attr-defined]

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Forget what was shown: from then on it is in the page."""
        draft = drafts.of(request)
        if draft and draft.was_shown:
            page = request.get_full_path()
            owner = actor(request).pk
            request.session[_DRAFTS] = _all_but(request.session, owner, page)
        return response


@sensitive_variables()
def keep(request: HttpRequest, owner: int) -> bool:
    """Keep what was typed for `owner`; False where nothing was, or too much."""
    match = request.resolver_match
    in_admin = match is not None and "admin" in match.namespaces
    typed = request.POST.copy()
    for name in request.POST:
        if is_secret(name, in_admin=in_admin):
            del typed[name]
    written = typed.urlencode()
    if not any(str(value).strip() for value in typed.values()) or len(written) > LARGEST:
        return False
    page = request.get_full_path()
    sealed = _seal(owner).encrypt(json.dumps([page, written]).encode()).decode()
    kept = [*_all_but(request.session, owner, page), sealed]
    request.session[_DRAFTS] = kept[-AT_ONCE:]
    return True


def keep_late(request: HttpRequest) -> bool:
    """Keep what comes from a page of an ended session, once the same person is in again.

    The secret under its forms shows for whom they were drawn: a stranger's page has none of them.
    """
    account, token = request.user, request.POST.get("csrfmiddlewaretoken", "")
    if not _TOKEN.fullmatch(token) or not isinstance(account, Account):
        return False
    drawn_for = _name_of_forms(_unmask_cipher_token(token))
    ended = sessions.ended_of(account.pk)
    return any(session.get(_FORMS) == drawn_for for session in ended) and keep(request, account.pk)


def mark_forms(request: HttpRequest) -> None:
    """Note in a session that was just opened under which secret its forms are drawn."""
    request.session[_FORMS] = _name_of_forms(request.META["CSRF_COOKIE"])


def _name_of_forms(secret: str) -> str:
    return keyed_names.oldest_name_of("forms", secret)


def is_secret(name: str, *, in_admin: bool = False) -> bool:
    """Whether a field of this name is never kept, whatever form it stands in.

    In the administration nobody types a code, and a unit has a column of that name.
    """
    return bool(_SECRET.search(name)) and not (in_admin and name == "code")


def carried_over(session: SessionBase, account: Account) -> dict[str, Any]:
    """Give what of a browser's session goes on in the one that `account` opens."""
    kept = [sealed for sealed in session.get(_DRAFTS, []) if _open(sealed, account.pk)]
    return {_DRAFTS: kept} if kept else {}


def _sender(request: HttpRequest) -> int | None:
    """Say who sent a form to a page that will ask for the log-in, or the second factor, first."""
    if isinstance(request.user, Account):
        waits = is_staff_page(request) and request.user.is_staff and not is_verified_staff(request)
        return request.user.pk if waits else None
    before = _unseal(request.session.get(_OWNER, ""), 0)
    return int(before) if before else None


def _note_owner(request: HttpRequest) -> None:
    """Keep whose session had ended: the cookie that tells it goes with this answer."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not key or isinstance(request.user, Account) or request.session.session_key:
        return
    owner = sessions.owner_after_the_end(key)
    if owner:
        # For whom the next page that is sent by this browser would be.
        request.session[_OWNER] = _seal(0).encrypt(str(owner).encode()).decode()


@sensitive_variables()
def _read(session: SessionBase, owner: int, page: str) -> QueryDict | None:
    for sealed in session.get(_DRAFTS, []):
        found = _open(sealed, owner)
        if found and found[0] == page:
            return QueryDict(found[1])
    return None


def _all_but(session: SessionBase, owner: int, page: str) -> list[str]:
    """Give the drafts of `owner` that can still be opened, without the one of `page`."""
    opened = [(sealed, _open(sealed, owner)) for sealed in session.get(_DRAFTS, [])]
    return [sealed for sealed, found in opened if found and found[0] != page]


@sensitive_variables()
def _open(sealed: str, owner: int) -> tuple[str, str] | None:
    """Give the page and what was typed, to `owner` and while it is kept; else None."""
    text = _unseal(sealed, owner)
    if not text:
        return None
    page, written = json.loads(text)
    return page, written


def _unseal(sealed: str, owner: int) -> str:
    try:
        return _seal(owner).decrypt(sealed, ttl=int(KEPT_FOR.total_seconds())).decode()
    except InvalidToken:
        return ""


def _seal(owner: int) -> Fernet:
    key = bytes.fromhex(keyed_names.oldest_name_of("draft", str(owner)))
    return Fernet(base64.urlsafe_b64encode(key))
