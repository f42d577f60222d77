"""Pages of words: the guides, the privacy notice, and what machines ask for."""

import datetime as dt

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import known_browsers
from accounts.credentials import app_passwords
from accounts.models.account import WATCHED_AFTER_CHANGE
from accounts.pages import fixed
from mailportal import language
from otp.sentences import duration
from otp.suppliers.code_ways import VOICE, ZNS


@login_not_required
@require_safe
def words(request: HttpRequest, template: str) -> HttpResponse:
    """Show a page of words, which is told what the office has beside the usual."""
    told = {
        "app_passwords": app_passwords.are_offered(),
        "alone": app_passwords.alone_open_mail(),
        "calls": VOICE in settings.CODE_WAYS.order,
        "several_ways": settings.CODE_WAYS.are_several,
    }
    if fixed.is_first_look(request):
        return fixed.page(request, template, lambda _places: told)
    return render(request, template, told)


@login_not_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    if fixed.is_first_look(request):
        return fixed.page(request, "privacy.html", lambda _places: _promises())
    return render(request, "privacy.html", _promises())


def _promises() -> dict[str, object]:
    """Give the numbers of what the notice promises, as they are set."""
    retention = settings.PROFILE.shown.privacy.retention.format(days=settings.RETENTION_CODES_DAYS)
    kept = {
        "replaced": duration(WATCHED_AFTER_CHANGE),
        "session": duration(dt.timedelta(seconds=settings.SESSION_LONGEST)),
        "trail": duration(dt.timedelta(days=settings.AUDIT_RETENTION_DAYS)),
        "quarantine": duration(dt.timedelta(days=settings.ADDRESS_QUARANTINE_DAYS)),
        "backups": duration(dt.timedelta(days=settings.BACKUP_KEEP_DAYS)),
    }
    days = known_browsers.REMEMBERED // (24 * 60 * 60)
    language_days = language.KEPT // (24 * 60 * 60)
    return {
        "retention": retention,
        "kept": kept,
        "known_browser_days": days,
        "language_days": language_days,
        "zalo": ZNS in settings.CODE_WAYS.order,
        "calls": VOICE in settings.CODE_WAYS.order,
    }


@login_not_required
@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")


@login_not_required
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Say whom to tell of a weakness (RFC 9116)."""
    expires = (timezone.now() + dt.timedelta(days=180)).astimezone(dt.UTC)
    lines = (
        f"Contact: tel:{settings.PROFILE.hotline.tel}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: vi, en",
        f"Canonical: {settings.PUBLIC_BASE_URL}/.well-known/security.txt",
    )
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@login_not_required
@require_safe
def change_password(request: HttpRequest) -> HttpResponse:
    """Lead a password manager to the page on which a password is changed."""
    return redirect("accounts:password")
