"""What the portal's rates are compared with: a function of WSGI, and a view of a bare Django."""

PAGE = b"Xin ch\xc3\xa0o"


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
        "security.SecurityMiddleware",
        "common.CommonMiddleware",
        "csrf.CsrfViewMiddleware",
        "clickjacking.XFrameOptionsMiddleware",
        sessions=True,
    )


def _serve(view, *middleware, sessions=False):
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    class urls:  # noqa: N801  (stands for a module)
        urlpatterns = (path("", view),)

    contrib = (
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    )
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        SECRET_KEY="bare",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"] if sessions else [],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        MIDDLEWARE=[
            *(f"django.middleware.{name}" for name in middleware),
            *(contrib if sessions else ()),
        ],
    )
    return get_wsgi_application()
