"""Every address of the portal."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from accounts import demo
from accounts.access import views as access_views
from mailportal import autoconfig, health, pages
from mailportal.metrics import views as metrics

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
    path(
        "huong-dan/cai-dat-thu/thu-cong-vu.mobileconfig", autoconfig.apple, name="autoconfig-apple"
    ),
    # Where mail programs look by themselves, on this host or on autoconfig. and autodiscover.
    # hosts that the proxy leads here.
    path("mail/config-v1.1.xml", autoconfig.mozilla, name="autoconfig-mozilla"),
    path(".well-known/autoconfig/mail/config-v1.1.xml", autoconfig.mozilla),
    path("autodiscover/autodiscover.xml", autoconfig.microsoft, name="autoconfig-microsoft"),
    path("Autodiscover/Autodiscover.xml", autoconfig.microsoft),
    path("AutoDiscover/AutoDiscover.xml", autoconfig.microsoft),
    path("quyen-rieng-tu/", pages.privacy, name="privacy"),
    # The admin's own ways out and to a new password: there is one door each, the portal's.
    path("quan-tri/logout/", access_views.log_out),
    path("quan-tri/password_change/", RedirectView.as_view(pattern_name="accounts:password")),
    path("quan-tri/", admin.site.urls),
    path("sms/", include("otp.urls")),
    path("healthz", health.live, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics.show, name="metrics"),
    path("robots.txt", pages.robots),
    path(".well-known/security.txt", pages.security),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", demo.page, name="demo"))

handler400 = "mailportal.errors.bad_request"
handler403 = "mailportal.errors.forbidden"
handler404 = "mailportal.errors.not_found"
handler500 = "mailportal.errors.server_error"
