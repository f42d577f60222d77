"""Every address of the portal but those of monitors (mailportal/middleware.py)."""

import re

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from accounts import demo
from accounts.access import views as access_views
from mailportal import health, pages
from mailportal.autoconfig import apple, microsoft, mozilla


def _in_any_case(words: str) -> str:
    """Give an expression for these words in any case; Django cannot turn `(?i:…)` back."""
    letters = (f"[{each.upper()}{each}]" if each.isalpha() else re.escape(each) for each in words)
    return "".join(letters)


admin.autodiscover()  # here and not at the start: processes without pages have no administration

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),
    path("huong-dan/", pages.words, {"template": "guides/index.html"}, name="guides"),
    path(
        "huong-dan/cap-nhat-so-dien-thoai/",
        pages.words,
        {"template": "guides/phone.html"},
        name="guide-phone",
    ),
    path(
        "huong-dan/lay-lai-mat-khau/",
        pages.words,
        {"template": "guides/recovery.html"},
        name="guide-recovery",
    ),
    path(
        "huong-dan/cai-dat-thu/", pages.words, {"template": "guides/mail.html"}, name="guide-mail"
    ),
    path("huong-dan/cai-dat-thu/thu-cong-vu.mobileconfig", apple.profile, name="autoconfig-apple"),
    # Where mail programs look by themselves, on this host or on autoconfig. and autodiscover.
    # hosts that the proxy leads here. Outlooks differ in how they write theirs.
    path("mail/config-v1.1.xml", mozilla.servers, name="autoconfig-mozilla"),
    path(".well-known/autoconfig/mail/config-v1.1.xml", mozilla.servers),
    path("autodiscover/autodiscover.xml", microsoft.by_xml, name="autoconfig-microsoft"),
    re_path(rf"^{_in_any_case('autodiscover/autodiscover.xml')}$", microsoft.by_xml),
    re_path(
        rf"^{_in_any_case('autodiscover/autodiscover.json')}(?:/[Vv][12]\.0/(?P<address>[^/]+))?/?$",
        microsoft.by_json,
    ),
    path("quyen-rieng-tu/", pages.privacy, name="privacy"),
    path(
        "kha-nang-tiep-can/",
        pages.words,
        {"template": "accessibility.html"},
        name="accessibility",
    ),
    # The admin's own ways out and to a new password: there is one door each, the portal's.
    path("quan-tri/logout/", access_views.log_out),
    path("quan-tri/password_change/", RedirectView.as_view(pattern_name="accounts:password")),
    path("quan-tri/", admin.site.urls),
    path("sms/", include("otp.urls")),
    path("api/v1/status", health.status, name="api-status"),
    path("api/v1/", include("accounts.api.urls")),
    path("sso/", include("accounts.webmail.urls")),
    path("robots.txt", pages.robots),
    path(".well-known/security.txt", pages.security),
    path(".well-known/change-password", pages.change_password),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", demo.page, name="demo"))

handler400 = "mailportal.errors.bad_request"
handler403 = "mailportal.errors.forbidden"
handler404 = "mailportal.errors.not_found"
handler500 = "mailportal.errors.server_error"
