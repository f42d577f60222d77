"""Measures the reports and a campaign over a whole country's worth of rows. Run it by hand:

    python -m tests.benchmarks.reports

It uses a test database of its own, which takes some 2 GB of disk while it runs.
"""

import sys
import time
from contextlib import contextmanager

from tests.support.environment import own_database

ACCOUNTS, UNITS, CODES, EVENTS = 1_000_000, 2_000, 100_000, 500_000
LONGEST = 2.0  # seconds for a page
BATCH_OF_WARNINGS = 2_000

FILL = f"""
INSERT INTO accounts_unit (id, name, code, parent_id)
SELECT n, 'Don vi ' || n, '', CASE WHEN n > 40 THEN (n - 41) / 49 + 1 END
FROM generate_series(1, {UNITS}) AS n;
INSERT INTO accounts_account (password, is_superuser, address, full_name, kind, unit_id, phone,
    phone_confirmed_at, new_phone, old_phone, has_default_password, is_active, is_staff,
    created_at, last_login)
SELECT repeat('x', 110), false, 'nguoi' || n || '@example.vn', 'Nguyễn Văn ' || n, 'person',
    n % {UNITS} + 1, CASE WHEN n % 4 > 0 THEN '+849' || lpad(n::text, 8, '0') ELSE '' END,
    CASE WHEN n % 4 > 0 THEN now() END, '', '', n % 6 = 0, n % 50 > 0, false, now(),
    CASE WHEN n % 5 > 0 THEN now() END
FROM generate_series(1, {ACCOUNTS}) AS n;
INSERT INTO accounts_unitday (unit_id, day, accounts, phones, default_passwords, never_logged_in,
    locked)
SELECT unit, current_date - day, 500, 300, 80, 100, 1
FROM generate_series(1, {UNITS}) AS unit, generate_series(1, 90) AS day;
INSERT INTO otp_code (id, address_key, purpose, pepper_id, browser_key, issued_at, gap_until,
    expires_at, ordinal, voided, attempts, verified_at)
SELECT gen_random_uuid(), md5(n::text), 'recovery', 'p', 'b', at, at + interval '5 minutes',
    at + interval '5 minutes', 1, false, 0, CASE WHEN n % 3 > 0 THEN at END
FROM generate_series(1, {CODES}) AS n,
    LATERAL (SELECT now() - n * interval '25 seconds' AS at) AS moment;
INSERT INTO otp_message (code_id, address_key, channel, "to", to_masked, subject, text, state,
    reason, gateway, gateway_id, tries, created_at, due_at, good_until, changed_at)
SELECT id, address_key, 'sms', '', '', '', '',
    CASE WHEN verified_at IS NULL THEN 'failed' ELSE 'accepted' END, 'r' || ascii(address_key) % 9,
    CASE WHEN ascii(address_key) % 2 = 0 THEN 'twilio' ELSE 'esms' END, '', 1, issued_at,
    issued_at, issued_at, issued_at
FROM otp_code;
ALTER TABLE accounts_auditevent DISABLE TRIGGER USER;
INSERT INTO accounts_auditevent (at, event, ok, reason, account_id, actor_id, address_key,
    request_id, detail)
SELECT now() - n * interval '10 seconds',
    (ARRAY['logged-in', 'code-wrong', 'password-reset', 'login-failed', 'viewed'])[n % 5 + 1],
    true, '', n, CASE WHEN n % 5 = 4 THEN n % 20 + 1 WHEN n % 5 = 0 THEN n END, '', '', '{{}}'
FROM generate_series(1, {EVENTS}) AS n;
ALTER TABLE accounts_auditevent ENABLE TRIGGER USER;
ANALYZE;
"""


def main():
    with own_database():
        fill()
        reports()
        campaign()


def fill():
    from django.db import connection

    what = f"filling in {ACCOUNTS:,} accounts, {CODES:,} codes, {EVENTS:,} events"
    with measured(what), connection.cursor() as cursor:
        cursor.execute(FILL)


def reports():
    from accounts.organisation.units import Tree, with_below
    from accounts.reports import history
    from accounts.reports.codes import codes
    from accounts.reports.coverage import coverage
    from accounts.reports.help import help_given

    department = with_below([1])
    for _ in range(2):
        with measured("coverage, everything", LONGEST):
            shown(coverage(Tree(None), None, None))
        with measured(f"coverage, one department of {len(department)} units", LONGEST):
            shown(coverage(Tree(department), department, None))
        with measured("codes and gateways", LONGEST):
            shown(codes())
        with measured("help given, everything", LONGEST):
            shown(help_given(None))
        with measured("help given, one department", LONGEST):
            shown(help_given(department))
        with measured("the nightly snapshot"):
            history.snapshot()


def campaign():
    from django.utils import timezone

    from accounts.campaigns import password_figures, password_rules, stages
    from accounts.campaigns.password_counts import CampaignCounts
    from accounts.models import Account, Unit
    from otp.models import Message

    by = Account.objects.first()
    everywhere = Unit.objects.filter(parent=None)
    planned = password_rules.plan(
        name="x", basis="x", first_day=timezone.localdate(), units=everywhere, by=by
    )
    with measured("a plan over all units, shown", LONGEST):
        shown_campaign(planned)
    with measured("start"):
        count = password_rules.start(planned, by=by)
    planned.refresh_from_db()
    print(f"      {count:,} people", flush=True)
    with measured("the running campaign, shown", LONGEST):
        shown_campaign(planned)
    with measured(f"warning {BATCH_OF_WARNINGS:,} of them"):
        for n in range(0, BATCH_OF_WARNINGS, stages.BATCH):
            password_rules._warn_some(planned, 14, after=n)
    assert Message.objects.filter(channel="mail").count() == BATCH_OF_WARNINGS
    with measured("the running campaign, shown", LONGEST):
        steps = password_figures.steps(planned, CampaignCounts.of(planned))
    print("      " + "; ".join(str(row.values) for row in steps.rows[:1]))


def shown(report):
    for table in report.tables:
        list(table.lines)
    for chart, _key in report.charts:
        list(chart.drawings)


def shown_campaign(campaign):
    from accounts.campaigns import password_figures
    from accounts.campaigns.password_counts import CampaignCounts, by_units

    units = by_units(campaign, None)
    list(password_figures.steps(campaign, sum(units.values(), CampaignCounts())).lines)
    list(password_figures.by_unit(campaign, units).lines)


@contextmanager
def measured(what, budget=None):
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    mark = "    " if budget is None else "ok  " if seconds <= budget else "OVER"
    print(f"{mark}  {what:<70} {seconds:7.2f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
