"""The hotline's pages, /ho-tro/: find somebody, see how they stand, help.

What is looked for is POSTed: no mail address, name or number is in the address of a page (AD-06).
"""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.access.staff import StaffRequest, staff_page
from accounts.credentials import extra_codes, phone_proposals
from accounts.credentials.refusals import NotNow
from accounts.hotline import caller_check, decisions, overview, recent, remedies, standing
from accounts.hotline.actions import ACTIONS, Action
from accounts.hotline.forms import ActionForm, GroundForm, LookupForm, ProposalForm
from accounts.hotline.overview import Overview
from accounts.hotline.people import helped, person_or_404
from accounts.hotline.search import FEWEST_DIGITS, MOST, Found, find
from accounts.models import Account, AuditEvent, PhoneProposal
from accounts.models.audit_event import Ground
from accounts.models.right import Right
from accounts.organisation import roles
from accounts.organisation.units import path_of
from accounts.pages.requests import hold, pages
from otp.counting import keyed_names, limits
from otp.counting.limits import Limit
from otp.outbox import alerts
from otp.sentences import as_stored, duration

SHOWN_FOR = 60  # seconds that a whole number stays on the page (AD-07)
MANY_LOOKUPS = Limit("lookups", 60, dt.timedelta(hours=1))  # by one member of staff; more alerts
KEPT_UNKNOWN = 5  # addresses that nobody has, in the session of whoever looked for them
_UNKNOWN = "looked_for"


@sensitive_post_parameters("words", "unit")
@pages
@staff_page(Right.USE_DESK)
def search(request: StaffRequest) -> HttpResponse:
    form = LookupForm(request.POST or None)
    found = None
    if form.is_valid():
        found = find(request.user, **form.cleaned_data)
        _count_lookup(request.user, found)
        if len(found.people) == 1 and not found.unknown:
            return redirect("accounts:person", found.people[0].pk)
    context = {
        "form": form,
        "found": found,
        "most": MOST,
        "fewest_digits": FEWEST_DIGITS,
        "unknown": _keep_unknown(request, found.unknown) if found and found.unknown else "",
        "waiting": decisions.count_waiting(request.user),
        "may_decide": request.user.has_perm(Right.APPROVE_PHONE),
    }
    return _page(request, "hotline/search.html", context)


@pages
@staff_page(Right.USE_DESK)
def person(request: StaffRequest, pk: int) -> HttpResponse:
    account = person_or_404(request.user, pk)
    AuditEvent.record(AuditEvent.Event.VIEWED, account, actor=request.user)
    return _show(request, overview.overview_of(account.address, account, request.GET.dict()))


@pages
@staff_page(Right.USE_DESK)
def unknown(request: StaffRequest, key: str) -> HttpResponse:
    """Show an address that nobody has: it may have been asked for all the same."""
    address = request.session.get(_UNKNOWN, {}).get(key)
    if address is None or roles.units_of(request.user) is not None:
        raise Http404
    account = Account.objects.reached_at(address)
    if account:
        return redirect("accounts:person", account.pk)
    AuditEvent.record(AuditEvent.Event.VIEWED, address=address, actor=request.user)
    return _show(request, overview.overview_of(address, None, request.GET.dict()))


@sensitive_variables()
@pages
@staff_page(Right.HELP_PERSON)
@transaction.atomic
def act(request: StaffRequest, pk: int, slug: str) -> HttpResponse:
    """Ask for the ground, then do it."""
    action = ACTIONS.get(slug)
    if action is None:
        raise Http404
    hold(request, Account.objects.filter(pk=pk))
    account = helped(request.user, pk, action.right)
    asks = action.asks_caller and caller_check.is_in_use()
    checked = asks and bool(caller_check.verified_until(account, by=request.user))
    unchecked = asks and not checked
    form = ActionForm(
        _sent(request), stands=standing.of_account(account), asks_why_unchecked=unchecked
    )
    if form.is_valid():
        ground = Ground(**form.cleaned_data, checked=checked)
        try:
            answer = action.do(account, actor=request.user, ground=ground)
        except NotNow as refusal:
            messages.error(request, refusal.sentence)
        else:
            if action.gives_word:
                return _show_word(request, account, action, answer)
            messages.success(request, f"{account.address}: {action.done}")
        return redirect("accounts:person", pk)
    context = {"form": form, "action": action, "person": account, "unchecked": unchecked}
    return _page(request, "hotline/act.html", context)


@sensitive_variables()
def _show_word(
    request: StaffRequest, account: Account, action: Action, word: object
) -> HttpResponse:
    """Show a word that is kept nowhere: it can be read out now, and not again."""
    context = {"person": account, "word": word, "done": action.done}
    context["wait"] = duration(extra_codes.AGAIN)
    return _page(request, "hotline/word.html", context)


@sensitive_variables()
@pages
@staff_page(Right.REVEAL_PHONE)
def reveal(request: StaffRequest, pk: int) -> HttpResponse:
    """Show the whole number for `SHOWN_FOR` seconds: the one page that ever holds one."""
    account = helped(request.user, pk, Right.REVEAL_PHONE)
    if not account.has_phone:
        raise Http404
    form = GroundForm(request.POST or None)
    if not form.is_valid():
        context = {"form": form, "person": account, "seconds": SHOWN_FOR}
        return _page(request, "hotline/reveal.html", context)
    number = remedies.reveal_phone(account, actor=request.user, ground=Ground(**form.cleaned_data))
    context = {"person": account, "number": number, "seconds": SHOWN_FOR}
    response = _page(request, "hotline/number.html", context)
    response.headers["Refresh"] = f"{SHOWN_FOR}; url={reverse('accounts:person', args=[pk])}"
    return response


@sensitive_post_parameters("phone")
@sensitive_variables()
@pages
@staff_page(Right.PROPOSE_PHONE)
@transaction.atomic
def propose(request: StaffRequest, pk: int) -> HttpResponse:
    hold(request, Account.objects.filter(pk=pk))
    account = helped(request.user, pk, Right.PROPOSE_PHONE)
    form = ProposalForm(_sent(request), stands=standing.of_account(account))
    if form.is_valid():
        try:
            phone_proposals.propose(account, by=request.user, **form.cleaned_data)
        except NotNow as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(
                request,
                _("Đã ghi đề nghị. Một cán bộ khác phải duyệt trong %(life)s.")
                % {"life": duration(PhoneProposal.LIFE)},
            )
            return redirect("accounts:person", pk)
    return _page(request, "hotline/propose.html", {"form": form, "person": account})


def _page(request: StaffRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Draw a page of the desk: beside it stand those looked at before."""
    return render(request, template, {**context, "recent": recent.looked_at(request.user)})


def _sent(request: StaffRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _show(request: StaffRequest, seen: Overview) -> HttpResponse:
    account = seen.account
    staff = request.user

    def may(right: Right) -> bool:
        return account is not None and remedies.may_help(staff, account, right)

    checks = caller_check.is_in_use() and may(Right.CHECK_CALLER)
    caller = account if checks else None
    offered = [it for it in ACTIONS.values() if it.offered(seen) and may(it.right)]
    context = {
        "overview": seen,
        "actions": [it for it in offered if not it.danger],
        "dangers": [it for it in offered if it.danger],
        "may_check": bool(caller and caller.phone_for_codes),
        "checked_until": caller_check.verified_until(caller, by=staff) if caller else None,
        "may_reveal": may(Right.REVEAL_PHONE) and bool(seen.phone),
        "may_remove": may(Right.REMOVE_ACCOUNTS),
        "may_edit": may(Right.CHANGE_ACCOUNT),
        "may_call_off": may(Right.END_ACCOUNTS) and seen.is_shut_by_departure,
        "may_propose": may(Right.PROPOSE_PHONE) and seen.is_in_use and not seen.phone_waits,
        "may_decide": may(Right.APPROVE_PHONE),
        "unit_path": path_of(account.unit) if account else "",
        "ticket_line": seen.ticket_line,
    }
    return _page(request, "hotline/person.html", context)


def _count_lookup(staff: Account, found: Found) -> None:
    """Put the look-up on record, without its words; very many by one person are told (AD-05)."""
    AuditEvent.record(AuditEvent.Event.LOOKED_UP, actor=staff, by=found.by, found=len(found.people))
    if not limits.charge(MANY_LOOKUPS, staff.address).granted:
        with as_stored():
            line = _("%(address)s đã tra cứu hơn %(count)s lần trong %(period)s") % {
                "address": staff.address,
                "count": MANY_LOOKUPS.count,
                "period": duration(MANY_LOOKUPS.period),
            }
        alerts.raise_now("lookups", staff.address, [line])


def _keep_unknown(request: StaffRequest, address: str) -> str:
    """Keep an address for its page, under a name that tells nothing of it."""
    key = keyed_names.oldest_name_of("looked-for", address)[:16]
    kept = {**request.session.get(_UNKNOWN, {}), key: address}
    request.session[_UNKNOWN] = dict(list(kept.items())[-KEPT_UNKNOWN:])
    return key
