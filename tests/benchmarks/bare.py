"""What the portal's rates are compared with: a function of WSGI, and views of a bare Django."""

PAGE = b"Xin ch\xc3\xa0o"
COST = (2, 19 * 1024, 1)  # passes, KiB, lanes: accounts.credentials.hashers
OF_A_FORM = (
    "security.SecurityMiddleware",
    "common.CommonMiddleware",
    "csrf.CsrfViewMiddleware",
    "clickjacking.XFrameOptionsMiddleware",
)


def function(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(PAGE))), ("Content-Type", "text/plain")])
    return [PAGE]


def django():
    """Give a Django with one view and nothing else."""
    from django.http import HttpResponse

    return _serve(
        lambda _request: HttpResponse(
            PAGE, content_type="text/plain", headers={"Content-Length": len(PAGE)}
        )
    )


def django_form():
    """Give a Django with the middleware of a new project, and a form's token on its one page.

    It looks up no person and renders nothing: what a page with a form costs Django at the least.
    """
    from django.http import HttpResponse
    from django.middleware.csrf import get_token

    return _serve(
        lambda request: HttpResponse(PAGE + get_token(request).encode()),
        *OF_A_FORM,
        sessions=True,
    )


def django_log_in():
    """Give such a Django whose form hashes what was typed as the portal does, and does no more.

    It asks no database, and knows nobody afterwards: what a log-in costs Django at the least.
    """
    from argon2.low_level import Type, hash_secret
    from django.http import HttpResponse, HttpResponseRedirect
    from django.middleware.csrf import get_token

    def log_in(request):
        if request.method == "GET":
            return HttpResponse(f'<input name="csrfmiddlewaretoken" value="{get_token(request)}">')
        hash_secret(request.POST["password"].encode(), b"salt-of-nobody-1", *COST, 32, Type.ID)
        answer = HttpResponseRedirect("/")
        answer.set_cookie("browser", "known")
        return answer

    return _serve(log_in, *OF_A_FORM, sessions=True)


def _serve(view, *middleware, sessions=False):
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    class urls:  # noqa: N801  (stands for a module)
        urlpatterns = (path("", view), path("dang-nhap/", view))

    contrib = (
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    )
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        CSRF_TRUSTED_ORIGINS=["https://*.gov.vn"],
        SECRET_KEY="bare",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"] if sessions else [],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        MIDDLEWARE=[
            *(f"django.middleware.{name}" for name in middleware),
            *(contrib if sessions else ()),
        ],
    )
    return get_wsgi_application()
