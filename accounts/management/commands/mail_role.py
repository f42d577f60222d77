"""The database role of the mail server: what it may read, which is its views and nothing else."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connection, transaction
from psycopg import sql

VIEWS = ("mail_passdb", "mail_userdb", "mail_aliases", "mail_domains", "mail_senders")
ROLE = "mailportal_mail"


class Command(BaseCommand):
    help = "Print what makes the mail server's database role; --apply does it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", default=ROLE, help=f"its name (default: {ROLE})")
        parser.add_argument("--apply", action="store_true", help="do it, all or nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        statements = [*_making(options["role"]), *_grants(options["role"])]
        if not options["apply"]:
            self.stdout.write("".join(f"{_text(each)};\n" for each in statements), ending="")
            return
        if _exists(options["role"]):
            statements = _grants(options["role"])
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(_text(statement))
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


def _making(role: str) -> list[sql.Composed]:
    name = sql.Identifier(role)
    return [
        sql.SQL(
            "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        ).format(name),
        sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(name),
        sql.SQL("ALTER ROLE {} SET statement_timeout = '10s'").format(name),
    ]


def _grants(role: str) -> list[sql.Composed]:
    name, database = sql.Identifier(role), sql.Identifier(connection.settings_dict["NAME"])
    views = sql.SQL(", ").join(map(sql.Identifier, VIEWS))
    return [
        sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, name),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name),
        sql.SQL("GRANT SELECT ON {} TO {}").format(views, name),
    ]


def _text(statement: sql.Composed) -> str:
    connection.ensure_connection()
    return statement.as_string(connection.connection)


def _exists(role: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        return cursor.fetchone() is not None
