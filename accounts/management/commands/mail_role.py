"""The database role of the mail server: what it may read, which is its views and nothing else."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connection, transaction
from psycopg import sql

from accounts.audit.portal_role import as_text

VIEWS = (
    "mail_passdb",
    "mail_userdb",
    "mail_aliases",
    "mail_domains",
    "mail_senders",
    "mail_logins",
    "mail_app_passwords",
    "mail_sessions",
    "mail_webmail_tokens",
    "mail_forwards",
    "mail_refusals",
)
ROLE = "mailportal_mail"
_LOGS_IN = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",  # or `migrate` would wait for it
}

_LOOK = """
SELECT rolcanlogin AND NOT
    (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls),
    coalesce(rolconfig, '{}')
FROM pg_roles WHERE rolname = %s
"""


class Command(BaseCommand):
    help = "Print what makes the mail server's database role; --apply does it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", default=ROLE, help=f"its name (default: {ROLE})")
        parser.add_argument("--apply", action="store_true", help="do it, all or nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        statements = [*_making(options["role"]), *_grants(options["role"])]
        if not options["apply"]:
            self.stdout.write("".join(f"{as_text(each)};\n" for each in statements), ending="")
            return
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(as_text(statement))
        except ProgrammingError as error:
            first_line = str(error).partition("\n")[0]
            raise CommandError(
                f"Not done: {first_line}. Give what this command prints to a superuser."
            ) from None
        self.stdout.write(
            f"{options['role']} may read {', '.join(VIEWS)}.\n"
            f"Its password is yours to set: psql, then \\password {options['role']}\n",
            ending="",
        )


def _making(role: str) -> Iterator[sql.Composed]:
    """Make the role, or of one that is there what it ought to be.

    What is so already is not said: only a superuser may say even NOSUPERUSER of a role.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, [role])
        row = cursor.fetchone()
    only_logs_in, settings = row or (False, [])
    name, rights = sql.Identifier(role), sql.SQL(_LOGS_IN)
    if not only_logs_in:
        verb = sql.SQL("ALTER ROLE" if row else "CREATE ROLE")
        yield sql.SQL("{} {} {}").format(verb, name, rights)
    for setting, value in _SETTINGS.items():
        if f"{setting}={value}" not in settings:
            yield sql.SQL("ALTER ROLE {} SET {} = {}").format(
                name, sql.Identifier(setting), sql.Literal(value)
            )


def _grants(role: str) -> list[sql.Composed]:
    name, database = sql.Identifier(role), sql.Identifier(connection.settings_dict["NAME"])
    views = sql.SQL(", ").join(map(sql.Identifier, VIEWS))
    return [
        sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name),
        # It makes nothing, not even for as long as it is connected (GO-02).
        sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, name),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name),
        sql.SQL("GRANT SELECT ON {} TO {}").format(views, name),
    ]
