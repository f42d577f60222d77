"""The pages of Thiết lập cấu hình: who one is, the number, the password, what happened."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Case, When
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from accounts.access import browsers, devices, limits, login, mail_logins, sessions
from accounts.access.limits import limit_posts
from accounts.audit import history
from accounts.audit.history import History
from accounts.credentials import app_passwords
from accounts.credentials.mail_sessions import end_mail_sessions
from accounts.credentials.passwords import change_password
from accounts.credentials.policy import RULES
from accounts.models import Account, AuditEvent, PhoneMember, Session
from accounts.organisation import factor_demands
from accounts.pages.requests import PersonRequest, pages, post_only
from accounts.pages.versions import since
from accounts.self_service import password_prompt, repeats
from accounts.self_service.forms import (
    CODE_WAYS,
    ChangePasswordForm,
    CodeForm,
    PhoneForm,
    code_error,
)
from accounts.self_service.pending_code import nonce_for, nonce_of
from accounts.self_service.phone_change import AlreadyInForce, PhoneChange
from accounts.self_service.phone_reminder import postpone
from accounts.webmail import logins as webmail_logins
from otp.codes import TooSoon, Verdict
from otp.codes.fates import ASKED_FOR
from otp.counting import keyed_names
from otp.counting.ceilings import Paused
from otp.models import Code

LISTED = 50  # sessions that are open, and as many of the webmail

_STILL_OPEN = gettext_lazy(
    "Mật khẩu ứng dụng vẫn mở được thư. Nếu mất máy, hãy hủy mật khẩu của máy đó ở mục Mật khẩu ứng"
    " dụng."
)


@pages
def home(request: PersonRequest) -> HttpResponse:
    context = {"factor_from": factor_demands.day_for(request.user)}
    return render(request, "self_service/home.html", context)


@pages
def settings_menu(request: PersonRequest) -> HttpResponse:
    context = {"app_passwords_offered": app_passwords.are_offered()}
    return render(request, "self_service/settings.html", context)


@pages
def profile(request: PersonRequest) -> HttpResponse:
    aliases = request.user.addresses.filter(is_main=False).order_by("address")
    context = {
        "addresses": [request.user.address],
        "aliases": aliases,
        "only_portal": app_passwords.alone_open_mail(),
        "code_way": settings.CODE_WAYS.are_several and CODE_WAYS[request.user.code_way],
    }
    return render(request, "self_service/profile.html", context)


@pages
@limit_posts("phone-asked", 30, minutes=10)
def phone_asked(request: PersonRequest) -> HttpResponse:
    """Say why a number is asked for; a POST puts it off until the next log-in."""
    if request.method == "POST":
        if postpone(request.user):
            request.session.pop(login.PHONE_ASKED, None)
        return redirect("accounts:home")
    member = PhoneMember.objects.asking(request.user)
    if member is None:
        return redirect("accounts:home")
    return render(request, "self_service/phone_asked.html", {"member": member})


@sensitive_post_parameters("phone", "password")
@pages
@limit_posts("phone", 30, minutes=10)
def phone(request: PersonRequest, address: str) -> HttpResponse:
    _own_address_or_404(request, address)
    form = _phone_form(request, request.POST or None)
    if form.is_valid() and password_prompt.current_password_is_right(request, form):
        try:
            change = PhoneChange.start(
                request.session,
                request.user,
                form.cleaned_data["phone"],
                nonce=nonce_of(request),
            )
        except AlreadyInForce:
            form.add_error("phone", _("Số này đang được dùng và đã xác thực, không cần nhập lại."))
        except (TooSoon, Paused) as reason:
            return _page_without_code(request, form, reason)
        else:
            if change is None:
                messages.success(request, _("Đã lưu số điện thoại."))
                return redirect("accounts:profile")
            return redirect("accounts:phone-code", address)
    return _phone_page(request, form)


def _phone_form(request: PersonRequest, data: QueryDict | None) -> PhoneForm:
    ask_password = not login.password_is_fresh(request.session, within=settings.PASSWORD_FRESH)
    return PhoneForm(
        data,
        ask_password=ask_password,
        nonce=nonce_for(request),
        in_force=request.user.phone,
        stands=_number_of(request.user),
    )


def _phone_page(
    request: PersonRequest, form: PhoneForm, reason: TooSoon | Paused | None = None
) -> HttpResponse:
    context = {
        "form": form,
        "address": request.user.address,
        "suggestion": form.suggestion,
        "refusal": reason if isinstance(reason, TooSoon) else None,
        "paused": isinstance(reason, Paused),
        "confirmation": settings.PHONE_CONFIRMATION,
        "asked_first": login.PHONE_ASKED in request.session,
    }
    return render(request, "self_service/phone.html", context)


@post_only
@pages
@limit_posts("phone", 30, minutes=10)
def phone_again(request: PersonRequest, address: str) -> HttpResponse:
    """Send a code to the number that is there already, so that its owner confirms it anew."""
    _own_address_or_404(request, address)
    if not request.user.has_phone:
        return redirect("accounts:phone", address)
    try:
        change = PhoneChange.start(
            request.session, request.user, request.user.phone, nonce=nonce_of(request)
        )
    except AlreadyInForce:
        change = None
    except (TooSoon, Paused) as reason:
        return _page_without_code(request, _phone_form(request, None), reason)
    if change is not None:
        return redirect("accounts:phone-code", address)
    messages.success(request, _("Số điện thoại này đã được xác nhận."))
    return redirect("accounts:profile")


def _page_without_code(
    request: PersonRequest, form: PhoneForm, reason: TooSoon | Paused
) -> HttpResponse:
    """Say why no code is sent, and let somebody on: a campaign asks again at the next log-in.

    A number that was typed wrong, or a gateway that is away, must keep nobody out of the portal.
    """
    request.session.pop(login.PHONE_ASKED, None)
    if isinstance(reason, Paused):
        limits.give_back_post("phone")
    return _phone_page(request, form, reason)


def _number_of(account: Account) -> dict[str, str]:
    """Say how the number stands that a new one would replace."""
    changed = since(_("đổi lúc %(at)s"), account.phone_changed_at)
    words = filter(None, (account.phone_masked or _("chưa có"), changed))
    return {_("số điện thoại đang dùng"): ", ".join(words)}


@sensitive_post_parameters("code")
@pages
@limit_posts("code", 60, minutes=10)
def phone_code(request: PersonRequest, address: str) -> HttpResponse:
    _own_address_or_404(request, address)
    change = PhoneChange.resume(request.session, request.user)
    if change is None or (change.state.done and request.method != "POST"):
        return redirect("accounts:phone", address)
    form = CodeForm(request.POST or None, step=change.state.code_id)
    if form.is_valid():
        if change.is_done:
            return _phone_updated(request, is_new=True)
        was_in_force = request.user.phone_is_known and change.state.is_for(request.user.phone)
        answer = change.check_code(form.cleaned_data["code"])
        if answer.verdict is Verdict.RIGHT:
            return _phone_updated(request, is_new=not was_in_force)
        if not answer.tries_left:
            messages.error(request, code_error(answer))
            return redirect("accounts:phone-code", address)
        form.add_error("code", code_error(answer))
    outlook = change.state.outlook()
    context = {
        "form": form,
        "asked": change.state.as_of(outlook),
        "outlook": outlook,
        "address": request.user.address,
    }
    return render(request, "self_service/phone_code.html", context)


def _phone_updated(request: PersonRequest, *, is_new: bool) -> HttpResponse:
    sentence = _("Đã xác nhận lại số điện thoại. Mã lấy lại mật khẩu được gửi đến số này.")
    if is_new:
        sentence = _(
            "Đã cập nhật số điện thoại. Từ bây giờ mã lấy lại mật khẩu được gửi đến số mới."
        )
    messages.success(request, sentence)
    return redirect("accounts:profile")


@sensitive_post_parameters("password", "new_password1", "new_password2")
@pages
@limit_posts("password", 30, minutes=10)
def password(request: PersonRequest) -> HttpResponse:
    user = request.user
    if user.default_password_needs_code:
        # Who knows a default password may be anybody: the owner has the telephone.
        return render(request, "self_service/password_by_code.html")
    form = ChangePasswordForm(request.POST or None, step=str(user.pk), person=user)
    if form.is_valid() and _change_password(request, form):
        messages.success(request, _("Đã đổi mật khẩu. Các phiên đăng nhập khác đã kết thúc."))
        return redirect("accounts:home")
    context = {"form": form, "rules": RULES, "forced": user.has_default_password}
    context["too_short"] = login.TOO_SHORT in request.session
    context["app_passwords"] = app_passwords.are_offered() and app_passwords.of(user)
    return render(request, "self_service/password.html", context)


@sensitive_variables()
def _change_password(request: PersonRequest, form: ChangePasswordForm) -> bool:
    """Change the password once, however often the same form comes; the form says what is wrong."""
    user = request.user
    store = sessions.of(request.session)
    this_session = store.session_key  # as it is kept until the change is made
    as_it_was = Account.objects.filter(pk=user.pk, password_changed_at=user.password_changed_at)

    def go_on(account: Account) -> None:
        update_session_auth_hash(request, account)
        store.renew(leaving=repeats.remnant_of(account))
        store.pop(login.TOO_SHORT, None)

    def keep_going(account: Account) -> None:
        go_on(account)
        store.save_now()

    def change(password: str) -> None:
        with store.all_or_nothing():
            changed = change_password(
                user,
                password,
                event=AuditEvent.Event.PASSWORD_CHANGED,
                keep_session=this_session,
                unless=lambda: not as_it_was.exists(),
                also=keep_going,
            )
        if not changed and not was_set_already(password):
            raise ValidationError(_("Mật khẩu vừa được đổi ở nơi khác. Hãy tải lại trang này."))

    def was_set_already(password: str) -> bool:
        account = _still_there(user)
        was_set = password_prompt.was_set_already(account, password)
        if was_set:
            go_on(account)
        return was_set

    new = form.cleaned_data["new_password1"]
    return (
        was_set_already(new)
        or (
            password_prompt.current_password_is_right(request, form)
            and password_prompt.try_new_password(form, change)
        )
        # By another click, between the look and the comparison.
        or was_set_already(new)
    )


def _still_there(user: Account) -> Account:
    account = Account.objects.filter(pk=user.pk).first()
    if account is None:
        raise SessionInterrupted("The account was removed meanwhile.")
    return account


@pages
def activity(request: PersonRequest) -> HttpResponse:
    user = request.user
    if request.method == "POST":
        with transaction.atomic():
            user.end_sessions(but=request.session.session_key)
            end_mail_sessions(user)
            AuditEvent.record(AuditEvent.Event.SESSIONS_ENDED, user, actor=user)
        messages.success(request, _("Đã đăng xuất các phiên khác."))
        if app_passwords.are_offered() and app_passwords.of(user):
            messages.info(request, _STILL_OPEN)
        return redirect("accounts:activity")
    opened, webmail = _sessions(request), webmail_logins.of(user, LISTED + 1)
    context = {
        "history": _history(request),
        "sessions": opened[:LISTED],
        "webmail": webmail[:LISTED],
        "are_more": max(len(opened), len(webmail)) > LISTED,
        "devices": devices.of(user, request),
        "mail_logins": mail_logins.of(user),
        "device_sms": bool(settings.PROFILE.sms.new_device and user.phone_for_codes),
    }
    return render(request, "self_service/activity.html", context)


def _history(request: PersonRequest) -> History:
    """Read what happened, with the codes that were asked for: by whomever."""
    keys = keyed_names.names_of("address", request.user.address)
    return history.read(
        AuditEvent.objects.concerning(request.user),
        request.GET.dict(),
        asked=Code.objects.filter(address_key__in=keys, purpose__in=ASKED_FOR),
    )


def _sessions(request: PersonRequest) -> list[dict[str, object]]:
    """Give this session, then the last used of the others, one more than are listed."""
    current = Session.name_of(request.session.session_key or "")
    rows = Session.objects.filter(account=request.user, expire_date__gt=timezone.now())
    this_first = Case(When(pk=current, then=0), default=1)
    return [
        {
            "browser": browsers.in_words(data.get("browser", "")),
            "ip": data.get("client", ""),
            "created_at": row.created_at,
            "seen_at": row.seen_at,
            "current": row.pk == current,
        }
        for row in rows.order_by(this_first, "-seen_at")[: LISTED + 1]
        for data in [request.session.decode(row.session_data)]
    ]


def _own_address_or_404(request: PersonRequest, address: str) -> None:
    if address != request.user.address:
        raise Http404
