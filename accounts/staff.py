"""The second factor of those who help others; every staff page asks for it."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_variables
from django_otp import login as remember_factor
from django_otp import match_token

from accounts.models import Account, AuditEvent


@sensitive_variables("token")
def check_token(request: HttpRequest, token: str) -> bool:
    """Check a code of the person's app, or a recovery code; a right one changes the session's key.

    The devices themselves slow down guessing, and take a code once (django-otp).
    """
    user = request.user
    assert isinstance(user, Account)
    # A recovery code is looked up in the database, which takes no NUL.
    device = match_token(user, token.strip().replace(" ", "").replace("\0", ""))
    event = AuditEvent.Event.FACTOR_RIGHT if device else AuditEvent.Event.FACTOR_WRONG
    AuditEvent.record(event, user.address, account=user, actor=user, ok=device is not None)
    if device is None:
        return False
    request.session.cycle_key()
    remember_factor(request, device)
    return True


def is_verified_staff(request: HttpRequest) -> bool:
    """Whether the caller is staff, and showed the second factor in this session."""
    user = request.user
    return (
        isinstance(user, Account) and user.is_staff and user.may_log_in and _has_shown_factor(user)
    )


def _has_shown_factor(user: Account) -> bool:
    # Put on the user by django-otp's middleware.
    return bool(user.is_verified())  # type: ignore[attr-defined]


class StaffSite(AdminSite):
    """The admin, behind the portal's own doors: there is no second log-in form."""

    site_header = site_title = "Quản trị thư điện tử công vụ"
    index_title = "Quản trị"

    def has_permission(self, request: HttpRequest) -> bool:
        return is_verified_staff(request)

    def login(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        if self.has_permission(request):
            return redirect("admin:index")
        target = urlencode({"next": request.GET.get("next", reverse("admin:index"))})
        if isinstance(request.user, Account):
            if not request.user.is_staff:
                return redirect("accounts:home")
            return redirect(f"{reverse('accounts:second-factor')}?{target}")
        return redirect(f"{reverse('accounts:login')}?{target}")
