"""A new Django project with Django's own log-in, its people and sessions in PostgreSQL.

No try is counted and nothing goes on record: what a log-in costs as Django comes.
"""

import os
import subprocess
import sys
from contextlib import contextmanager

from django.contrib.auth.hashers import Argon2PasswordHasher

from tests.benchmarks.bare import COST, OF_A_FORM

PAGES = (
    "django.template.loaders.locmem.Loader",
    {"registration/login.html": "<form method=post>{% csrf_token %}{{ form }}</form>"},
)


@contextmanager
def database(names):
    """Give the address of a database with such people, beside the one that is connected."""
    from django.db import connection

    from tests.support import cast
    from tests.support.programs.deployment import database_url

    url = f"{database_url().rpartition('/')[0]}/stock"
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE stock")
    try:
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.stock", cast.PASSWORD, *names],
            env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
            check=True,
        )
        yield url
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE stock WITH (FORCE)")


class Hasher(Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = COST


def app():
    configure()
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def configure():
    import dj_database_url
    from django.conf import settings
    from django.urls import path

    class urls:  # noqa: N801  (stands for a module)
        urlpatterns = (path("dang-nhap/", log_in),)

    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        CSRF_TRUSTED_ORIGINS=["https://*.gov.vn"],
        SECRET_KEY="stock",
        DATABASES={"default": dj_database_url.config(conn_max_age=None)},
        PASSWORD_HASHERS=["tests.benchmarks.stock.Hasher"],
        INSTALLED_APPS=[f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions")],
        LOGIN_REDIRECT_URL="/",
        MIDDLEWARE=[
            *(f"django.middleware.{name}" for name in OF_A_FORM),
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.cached.Loader", [PAGES])]},
            }
        ],
    )


def log_in(request):
    from django.contrib.auth.views import LoginView

    answer = LoginView.as_view()(request)
    if answer.status_code == 302:
        answer.set_cookie("browser", "known")
    return answer


def make(password, *names):
    """Make the tables, and people with these names and this password."""
    app()
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    hashed = make_password(password)
    User.objects.bulk_create(User(username=name, password=hashed) for name in names)


if __name__ == "__main__":
    make(*sys.argv[1:])
