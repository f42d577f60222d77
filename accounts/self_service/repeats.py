"""Lets a browser send a request again whose answer, and with it the session's new key, was lost.

A key that was changed opens nothing any more (SE-02). Under it stands a remnant for a while: whose
session it was. Who sends the same form again, with what it asks for as a proof, is logged in anew
and lands where the first answer would have led.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.debug import sensitive_variables

from accounts.access import login, sessions
from accounts.access.login import LoginHeld
from accounts.credentials.hashers import Busy
from accounts.directory import NoAnswer
from accounts.models import Account
from accounts.self_service.forms import CodeForm
from accounts.self_service.pending_code import PendingCode
from otp import codes
from otp.models import Purpose

_FORMER = "former"


def remnant_of(account: Account) -> dict[str, Any]:
    """Make what is left under a key that is changed by the request at hand."""
    return {_FORMER: {"account": account.pk, "hash": account.get_session_auth_hash()}}


class RepeatMiddleware(MiddlewareMixin):
    """Take up, before the log-in is asked for, a request that was worked on already."""

    def process_view(self, request: HttpRequest, *_: object) -> None:
        """Log the person in again, after the form's token was checked."""
        if request.method != "POST" or _FORMER not in request.session:
            return
        page = request.resolver_match.url_name if request.resolver_match else None
        proof = _PROOFS.get(page or "")
        former = request.session[_FORMER]
        account = Account.objects.filter(pk=former["account"]).first()
        if proof and account and account.may_log_in:
            proof(request, account, former["hash"])


@sensitive_variables()
def _by_password(request: HttpRequest, account: Account, _: str) -> None:
    """Take the password that is in force: the new one, where it was just changed."""
    field = "new_password1" if was_changed_lately(account) else "password"
    typed = request.POST.get(field) or request.POST.get("password", "")
    try:
        login.log_in(request, account.address, typed)
    except (LoginHeld, Busy, NoAnswer):
        return  # the page of the log-in says so


@sensitive_variables()
def _by_code(request: HttpRequest, account: Account, hash_then: str) -> None:
    """Take the code that was right, unless the password was changed since."""
    state = PendingCode.load(request.session, Purpose.PHONE)
    if state is None or not constant_time_compare(account.get_session_auth_hash(), hash_then):
        return
    form = CodeForm(request.POST, step=state.code_id)
    if not form.is_valid():
        return
    typed = form.cleaned_data["code"]
    again = codes.repeat(UUID(state.code_id), Purpose.PHONE, typed, nonce=state.nonce, used=True)
    if again.verified_at:
        login.open_session(request, account)
        replace(state, verified_at=timezone.now(), done=True).keep(request.session)


def was_changed_lately(account: Account) -> bool:
    """Whether the password was changed within the time in which a request may come again."""
    changed_at = account.password_changed_at
    return changed_at is not None and timezone.now() - changed_at < sessions.REPEATABLE


_PROOFS = {
    "password": _by_password,
    "app-passwords": _by_password,
    "phone": _by_password,
    "phone-code": _by_code,
}
