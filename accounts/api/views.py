"""What programs are answered at each address below /api/v1/."""

import json
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.api import asked, campaigns, changes, loading, people, sent, tokens
from accounts.api.answers import Refusal, answer, page_of
from accounts.api.description import description
from accounts.api.door import door
from accounts.models import Campaign, PhoneCampaign, ProgramToken
from accounts.organisation.units import Tree
from accounts.pages.requests import takes_long
from accounts.reports.coverage import figures_of

Scope = ProgramToken.Scope


@door(None)
def openapi(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """Describe the API as OpenAPI 3.1."""
    return answer(description())


@takes_long
@door(Scope.FIGURES)
def units(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """List the units, those above first."""
    tree = Tree(tokens.units_of(program))
    found = [
        {
            "id": unit.pk,
            "name": unit.name,
            "code": unit.code,
            "parent": unit.parent_id if unit.parent_id in tree.units else None,
            "path": tree.path(unit.pk),
        }
        for unit, _depth in tree.in_order()
    ]
    return answer({"units": found})


@takes_long
@door(Scope.FIGURES)
def coverage(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """Give the figures of the reports, of each unit with those below it."""
    visible = tokens.units_of(program)
    tree = Tree(visible)
    total, by_unit = figures_of(tree, visible)
    found = [
        {"unit": pk, "path": tree.path(pk), **vars(figures)} for pk, figures in by_unit.items()
    ]
    return answer({"total": vars(total), "units": found})


@takes_long
@door(Scope.ACCOUNTS, reads_query=True)
def accounts(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """List accounts, a page at a time."""
    query = asked.query(request, asked.AccountsQuery)
    tree = Tree(tokens.units_of(program))
    unit = query["unit"]
    if unit is not None and unit not in tree.units:
        raise Refusal(404, "unit", "Không có đơn vị này trong phạm vi của khóa.")
    found, last = people.page(
        program,
        units=None if unit is None else tree.with_below(unit),
        changed_since=query["changed_since"],
        after=query["cursor"],
        most=query["limit"],
    )
    told = [people.told(account, tree) for account in found]
    return answer({"accounts": told, "next": asked.cursor_of(last)})


@door(Scope.ACCOUNTS)
def account(request: HttpRequest, program: ProgramToken, address: str) -> HttpResponse:
    """Say how an account stands."""
    found = people.found_at(program, address)
    if found is None:
        raise Refusal(404)
    return answer(people.told(found, Tree(tokens.units_of(program))))


@door(Scope.LOCKS, method="POST")
def lock(request: HttpRequest, program: ProgramToken, address: str) -> HttpResponse:
    return _set_lock(request, program, address, locked=True)


@door(Scope.LOCKS, method="POST")
def unlock(request: HttpRequest, program: ProgramToken, address: str) -> HttpResponse:
    return _set_lock(request, program, address, locked=False)


def _set_lock(
    request: HttpRequest, program: ProgramToken, address: str, *, locked: bool
) -> HttpResponse:
    sent = asked.lock_body(request)
    content = "\0".join((request.path_info, sent["reason"], sent["ticket"]))

    def work() -> dict[str, Any]:
        return changes.set_lock(
            program, address, locked=locked, why=sent["reason"], ticket=sent["ticket"]
        )

    return answer(changes.once(program, _key(request), content, work))


@takes_long
@door(Scope.LOADING, method="POST")
def load(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """Load accounts, or say what that would do; who only tries uses up no key."""
    rows, dry_run = asked.load_body(request)
    if dry_run:
        return answer(loading.try_out(program, rows))
    content = f"{request.path_info}\0{json.dumps(rows, sort_keys=True)}"
    loaded = changes.once(program, _key(request), content, lambda: loading.load(program, rows))
    return answer(loaded)


@takes_long
@door(Scope.CAMPAIGNS, reads_query=True)
def password_campaigns(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """List the campaigns against default passwords, a page at a time."""
    return _campaigns(request, campaigns.seen_by(program, Campaign.objects.all()))


@takes_long
@door(Scope.CAMPAIGNS, reads_query=True)
def phone_campaigns(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """List the campaigns for phone numbers, a page at a time."""
    return _campaigns(request, campaigns.seen_by(program, PhoneCampaign.objects.all()))


@takes_long
@door(Scope.CAMPAIGNS)
def password_campaign(request: HttpRequest, program: ProgramToken, pk: int) -> HttpResponse:
    return _campaign(program, campaigns.seen_by(program, Campaign.objects.all()), pk)


@takes_long
@door(Scope.CAMPAIGNS)
def phone_campaign(request: HttpRequest, program: ProgramToken, pk: int) -> HttpResponse:
    return _campaign(program, campaigns.seen_by(program, PhoneCampaign.objects.all()), pk)


@takes_long
@door(Scope.MESSAGES, reads_query=True)
def messages(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """List what left the portal, a page at a time."""
    query = asked.query(request, asked.MessagesQuery)
    found, last = sent.page(
        since=query["since"],
        channel=query["channel"],
        state=query["state"],
        after=query["cursor"],
        most=query["limit"],
    )
    return answer({"messages": found, "next": asked.cursor_of(last)})


@takes_long
@door(Scope.MESSAGES, reads_query=True)
def message_counts(request: HttpRequest, program: ProgramToken) -> HttpResponse:
    """Count what left the portal on a day."""
    day = asked.query(request, asked.DayQuery)["day"]
    return answer({"day": day, "counts": sent.counts_of(day)})


def _campaigns(request: HttpRequest, seen: "QuerySet[Any]") -> HttpResponse:
    query = asked.query(request, asked.PageQuery)
    found, last = page_of(seen, after=query["cursor"], most=query["limit"])
    told = [campaigns.told(each) for each in found]
    return answer({"campaigns": told, "next": asked.cursor_of(last)})


def _campaign(program: ProgramToken, seen: "QuerySet[Any]", pk: int) -> HttpResponse:
    found = seen.filter(pk=pk).first()
    if found is None:
        raise Refusal(404, "campaign", "Không có chiến dịch này trong phạm vi của khóa.")
    return answer(campaigns.told(found) | campaigns.counted(program, found))


def _key(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > changes.LONGEST_KEY:
        raise Refusal(400, "key", "Idempotency-Key quá dài.")
    return key
