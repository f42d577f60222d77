"""What the portal's rates are compared with: a function of WSGI, and views of a bare Django."""

import os
import subprocess
import sys
from contextlib import contextmanager

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


def django_own_log_in():
    """Give a new Django project with Django's own log-in, people and sessions in PostgreSQL.

    No try is counted and nothing goes on record: what a log-in costs as Django comes.
    """
    import dj_database_url
    from django.contrib.auth.hashers import Argon2PasswordHasher

    def log_in(request):
        from django.contrib.auth.views import LoginView  # once there are settings

        answer = LoginView.as_view()(request)
        if answer.status_code == 302:
            answer.set_cookie("browser", "known")
        return answer

    for name, value in zip(("time_cost", "memory_cost", "parallelism"), COST, strict=True):
        setattr(Argon2PasswordHasher, name, value)
    form = "<form method=post>{% csrf_token %}{{ form }}</form>"
    pages = ("django.template.loaders.locmem.Loader", {"registration/login.html": form})
    return _serve(
        log_in,
        *OF_A_FORM,
        sessions=True,
        INSTALLED_APPS=[f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions")],
        SESSION_ENGINE="django.contrib.sessions.backends.db",
        DATABASES={"default": dj_database_url.config(conn_max_age=None)},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"],
        LOGIN_REDIRECT_URL="/",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.cached.Loader", [pages])]},
            }
        ],
    )


@contextmanager
def database_of_its_own(names):
    """Give the address of its database with such people, beside the one that is connected."""
    from django.db import connection

    from tests.support import cast
    from tests.support.programs.deployment import database_url

    url = f"{database_url().rpartition('/')[0]}/bare"
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE bare")
    try:
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.bare", cast.PASSWORD, *names],
            env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
            check=True,
        )
        yield url
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE bare WITH (FORCE)")


def make_people(password, *names):
    """Make the tables of Django's own project, and people with these names and this password."""
    django_own_log_in()
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    hashed = make_password(password)
    User.objects.bulk_create(User(username=name, password=hashed) for name in names)


def _serve(view, *middleware, sessions=False, **its_settings):
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
    its_settings = {
        "ALLOWED_HOSTS": ["*"],
        "ROOT_URLCONF": urls,
        "CSRF_TRUSTED_ORIGINS": ["https://*.gov.vn"],
        "SECRET_KEY": "bare",
        "INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes"] * sessions,
        "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
        "MIDDLEWARE": [
            *(f"django.middleware.{name}" for name in middleware),
            *(contrib if sessions else ()),
        ],
    } | its_settings
    settings.configure(**its_settings)
    return get_wsgi_application()


if __name__ == "__main__":
    make_people(*sys.argv[1:])
