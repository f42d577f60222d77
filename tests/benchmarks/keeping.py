"""Measures what is done every night to what is kept: the audit trail and old codes. Run it by hand:

    python -m tests.benchmarks.keeping [ROWS [CODES]]

ROWS of the trail are 1,000,000, CODES 100,000 where nothing is said. It uses a test database of its
own, which takes some 1.5 GB of disk while it runs.
"""

import hashlib
import io
import sys
import time
from contextlib import contextmanager

from tests.support.environment import own_database

ROWS, CODES = 1_000_000, 100_000
A_DAY = 10_000  # rows that are added between two nights
LONGEST = 30.0  # seconds a day for the verification

TRAIL = """
ALTER TABLE accounts_auditevent DISABLE TRIGGER USER;
INSERT INTO accounts_auditevent (at, event, ok, reason, account_id, actor_id, address_key, client,
    request_id, detail)
SELECT now() - (%(rows)s - n) * interval '60 seconds',
    (ARRAY['logged-in', 'code-wrong', 'password-reset', 'login-failed', 'viewed'])[n %% 5 + 1],
    true, '', n, CASE WHEN n %% 5 = 4 THEN n %% 20 + 1 END, encode(sha256(n::text::bytea), 'hex'),
    '198.51.100.7', md5(n::text), jsonb_build_object('why', 'Nhân viên đề nghị', 'ticket', n)
FROM generate_series(1, %(rows)s) AS n;
ALTER TABLE accounts_auditevent ENABLE TRIGGER USER;
"""
HASHED = """
SELECT id, at::text, accounts_audit_time(at),
    encode(sha256(convert_to(accounts_audit_text(entry), 'UTF8')), 'hex')
FROM accounts_auditevent AS entry ORDER BY id
"""
OLD = """
INSERT INTO otp_code (id, address_key, purpose, pepper_id, browser_key, issued_at, gap_until,
    expires_at, ordinal, voided, attempts)
SELECT gen_random_uuid(), md5(n::text), 'recovery', 'p', 'b', at, at + interval '5 minutes',
    at + interval '5 minutes', 1, false, 0
FROM generate_series(1, %(codes)s) AS n,
    LATERAL (SELECT now() - n * interval '25 seconds' - %(age)s * interval '1 day' AS at) AS moment;
"""
MESSAGES = """
INSERT INTO otp_message (code_id, address_key, channel, "to", to_masked, subject, text, state,
    reason, gateway, gateway_id, tries, created_at, due_at, good_until, changed_at)
SELECT id, address_key, 'sms', '', '', '', '', 'accepted', '', 'esms', '', 1, issued_at, issued_at,
    issued_at, issued_at
FROM otp_code;
"""


def main(rows=ROWS, codes=CODES):
    with own_database():
        trail(rows)
        verification()
        pruning(codes)


def trail(rows):
    from django.db import connection, transaction

    with measured(f"filling in {rows:,} rows of the trail and their chain"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TRAIL, {"rows": rows})
            cursor.execute(HASHED)
            chained = chain_of(cursor.fetchall())
            with cursor.copy(
                "COPY accounts_auditlink (seq, event_id, at, row, digest) FROM STDIN"
            ) as copy:
                for link in chained:
                    copy.write_row(link)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def chain_of(rows):
    before = ""
    for seq, (pk, at, moment, row) in enumerate(rows, start=1):
        before = hashlib.sha256(f"{before}\n{moment}\n{row}".encode()).hexdigest()
        yield seq, pk, at, row, before


def verification():
    from accounts.models import AuditEvent

    with measured("verify_audit --all"):
        print(f"      {command('verify_audit', '--all')}")
    AuditEvent.record_many(AuditEvent.Event.LOCKED, ((somebody(), {}) for _ in range(A_DAY)))
    with measured(f"verify_audit, {A_DAY:,} rows later", LONGEST):
        print(f"      {command('verify_audit')}")


def somebody():
    from accounts.models import Account

    return Account(pk=1, address="an@hagiang.gov.vn")


def pruning(codes):
    from django.conf import settings
    from django.db import connection

    what = f"filling in {codes:,} codes, as many again that are old, and their messages"
    with measured(what), connection.cursor() as cursor:
        for age in (0, settings.RETENTION_CODES_DAYS):
            cursor.execute(OLD, {"codes": codes, "age": age})
        cursor.execute(MESSAGES)
        cursor.execute("ANALYZE")
    sizes()
    with measured(f"prune, of {codes:,} old codes with their messages"):
        print(f"      {command('prune')}")
    with measured("prune, of nothing"):
        command("prune")
    with measured("prune_audit, of nothing"):
        command("prune_audit")


def sizes():
    from django.db import connection

    with connection.cursor() as cursor:
        for table in ("accounts_auditevent", "accounts_auditlink", "otp_code", "otp_message"):
            cursor.execute(f"SELECT pg_total_relation_size('{table}') / count(*) FROM {table}")
            print(f"      {table}: {cursor.fetchone()[0]} bytes a row, with its indexes")


def command(*words):
    from django.core.management import call_command

    out = io.StringIO()
    call_command(*words, stdout=out)
    return "; ".join(out.getvalue().splitlines())


@contextmanager
def measured(what, budget=None):
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    mark = "    " if budget is None else "ok  " if seconds <= budget else "OVER"
    print(f"{mark}  {what:<70} {seconds:7.2f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:])))
