"""What the database role of web, sender and worker may do: all but touch the audit trail.

Another role, the owner, migrates. So whoever takes over a page can neither change what is on record
nor switch off the triggers that keep it.
"""

from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from psycopg import sql

# What is less than reading, adding, changing and deleting.
_LESS = {
    "accounts_auditevent": "SELECT, INSERT",
    "accounts_auditlink": "SELECT",
    "accounts_audithead": "SELECT",
    # Read by backups alone; to read is not enough to lock.
    "accounts_auditqueue": "SELECT",
    "accounts_auditturn": "SELECT",
    # Read by backups alone.
    "accounts_quarantinesecret": "SELECT",
    # Written by `migrate` alone.
    "django_migrations": "SELECT",
    "django_content_type": "SELECT",
    "auth_permission": "SELECT",
    "auth_group": "SELECT",
    "auth_group_permissions": "SELECT",
}

# Those that are not everybody's to call.
_FUNCTIONS = """
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
  AND (proname LIKE 'otp\\_%' AND prorettype <> 'trigger'::regtype
       OR proname IN (
           'accounts_audit_prune', 'accounts_audit_verified', 'accounts_audit_doubted',
           'accounts_audit_forget', 'accounts_local_key'))
ORDER BY 1
"""

_TABLES = """
SELECT relname, relkind = 'v' FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
ORDER BY 1
"""

# Of the role that asks: whether it could undo what is on record.
_CAN_TAMPER = """
SELECT rolsuper OR pg_has_role(tableowner, 'MEMBER')
    OR has_table_privilege('public.accounts_auditevent', 'UPDATE, DELETE, TRUNCATE, TRIGGER')
FROM pg_roles CROSS JOIN pg_tables
WHERE rolname = current_user AND schemaname = 'public' AND tablename = 'accounts_auditevent'
"""


def statements(role: str) -> Iterator[sql.Composed]:
    """Give what makes of `role` the portal's own, whatever it could do before."""
    name, database = sql.Identifier(role), sql.Identifier(connection.settings_dict["NAME"])
    yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, name)
    yield sql.SQL("REVOKE CREATE, TEMPORARY ON DATABASE {} FROM PUBLIC, {}").format(database, name)
    yield sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(name)
    yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name)
    yield sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(name)
    for table, is_view in _rows(_TABLES):
        what = sql.SQL("{} FROM {}").format(sql.Identifier(table), name)
        yield sql.SQL("REVOKE ALL ON ") + what
        rights = _LESS.get(table, "SELECT" if is_view else "SELECT, INSERT, UPDATE, DELETE")
        if rights:
            yield sql.SQL("GRANT {} ON {} TO {}").format(
                sql.SQL(rights), sql.Identifier(table), name
            )
    for (function,) in _rows(_FUNCTIONS):
        yield sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), name)


def grant(role: str) -> None:
    """Do it, in the caller's transaction."""
    with connection.cursor() as cursor:
        for statement in statements(role):
            cursor.execute(as_text(statement))


def grant_after_migrating(**_: object) -> None:
    """Let the portal's role, made where it is missing, use what the owner has migrated."""
    role = settings.DATABASE_SERVING_ROLE
    if role:
        if not _rows("SELECT FROM pg_roles WHERE rolname = %s", role):
            _make(role, settings.DATABASE_SERVING_PASSWORD)
        grant(role)


def _make(role: str, password: str) -> None:
    """Make a role that may log in; the server never sees the password itself."""
    connection.ensure_connection()
    verifier = connection.connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
        sql.Identifier(role), sql.Literal(verifier.decode())
    )
    with connection.cursor() as cursor:
        cursor.execute(as_text(statement))


def can_tamper() -> bool:
    """Say whether the role of this connection could change what is on record."""
    return any(can for (can,) in _rows(_CAN_TAMPER))


def as_text(statement: sql.Composed) -> str:
    connection.ensure_connection()
    return statement.as_string(connection.connection)


def _rows(query: str, *parameters: str) -> list[tuple]:  # type: ignore[type-arg]  # of all kinds
    with connection.cursor() as cursor:
        cursor.execute(query, parameters or None)
        return list(cursor.fetchall())
