"""What offices wrote down over the years, as large as a country's: slips, departures, campaigns.

`tests.benchmarks.dataset` adds it; to a database that it made before there was this:

    DATABASE_URL=postgresql://owner@127.0.0.1:5432/flat_full python -m tests.benchmarks.records
"""

import os

import psycopg

# One slip for every fifth person, printed by the hundreds; nine of ten were used.
_SLIPS = """
INSERT INTO accounts_activationslip
    (id, pepper_id, given_at, good_until, used_at, account_id, given_by_id)
SELECT gen_random_uuid(), '', at, at + interval '7 days', CASE WHEN n % 10 > 0 THEN at END, id, it
FROM (SELECT id, n, now() - n / 300 * interval '1 hour' AS at
      FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM accounts_account
            WHERE NOT is_staff AND id % 5 = 0) AS each) AS printed, it
"""
_DEPARTURES = """
INSERT INTO accounts_departure
    (last_day, forward_days, sentence, why, planned_at, shut_at, account_id, planned_by_id)
SELECT at::date, 0, 'Has left.', 'QĐ', at, at, id, it
FROM (SELECT id, now() - id / 1000 * interval '1 day' AS at FROM accounts_account
      WHERE NOT is_active AND NOT is_staff) AS gone, it
"""
# Of ten organisations' mailboxes one has nobody.
_CUSTODY = """
INSERT INTO accounts_custody (decision, since, mailbox_id, responsible_id)
SELECT 'QĐ', now(), id, id - 1 FROM (
    SELECT id, row_number() OVER (ORDER BY id) AS n FROM accounts_account
    WHERE kind = 'organisation') AS mailbox WHERE n % 10 > 0
"""
_REQUESTS = """
INSERT INTO accounts_datarequest
    (kind, text, state, made_at, due_on, answer, closed_at, account_id, answered_by_id)
SELECT 'correct', 'Sai tên', 'done', now() - id * interval '1 minute', current_date, 'Đã sửa',
       now() - id * interval '1 minute', id, it
FROM accounts_account, it WHERE NOT is_staff AND id % 20 = 3
"""
_PROPOSALS = """
INSERT INTO accounts_phoneproposal
    (phone, phone_masked, evidence, ticket, state, proposed_at, decided_at, account_id,
     proposed_by_id, decided_by_id)
SELECT '', '0900***', 'x', 'PYC', 'approved', now() - id * interval '1 minute', now(), id, it,
       it + 1
FROM accounts_account, it WHERE NOT is_staff AND id % 20 = 4
"""
_REMOVALS = """
WITH lists AS (
    INSERT INTO accounts_removal
        (why, state, proposed_at, decided_at, proposed_by_id, decided_by_id)
    SELECT 'QĐ', 'done', now() - n * interval '1 day', now(), it, it + 1
    FROM generate_series(1, 1000) AS n, it RETURNING id
)
INSERT INTO accounts_removalmember (was_locked, was_active, outcome, reason, removal_id)
SELECT false, false, 'removed', '', id FROM lists, generate_series(1, 100)
"""
_CAMPAIGN = """
WITH campaign AS (
    INSERT INTO accounts_campaign
        (name, basis, first_day, state, created_at, started_at, created_by_id, started_by_id)
    SELECT 'Mật khẩu', 'KH', current_date - 3, 'running', now(), now(), it, it FROM it
    RETURNING id
)
INSERT INTO accounts_campaignmember
    (outcome, decided_on, account_id, campaign_id, warnings_sent, first_warned_on, last_warned_on)
SELECT outcome, CASE WHEN outcome <> '' THEN current_date END, account.id, campaign.id, 1,
       current_date - 3, current_date - 3
FROM campaign, accounts_account AS account,
     LATERAL (SELECT CASE WHEN account.id % 3 > 0 THEN 'changed' ELSE '' END AS outcome) AS decided
WHERE NOT is_staff AND account.id % 4 = 0
"""
_PHONE_CAMPAIGN = """
WITH campaign AS (
    INSERT INTO accounts_phonecampaign
        (name, basis, kinds, reminder_days, asked_first_from, postponements, state, created_at,
         started_at, created_by_id, started_by_id)
    SELECT 'Số điện thoại', 'KH', '{person,organisation}', ARRAY[current_date - 3],
           current_date + 5, 3, 'running', now(), now(), it, it FROM it
    RETURNING id
)
INSERT INTO accounts_phonemember (postponements_left, outcome, decided_on, account_id, campaign_id)
SELECT 3, outcome, CASE WHEN outcome <> '' THEN current_date END, account.id, campaign.id
FROM campaign, accounts_account AS account,
     LATERAL (SELECT CASE WHEN account.id % 5 > 0 THEN 'confirmed' ELSE '' END AS outcome)
         AS decided
WHERE NOT is_staff
"""
# Who did it all: the first of the province's IT, and for what takes two, the one made after.
_IT = "CREATE TEMP VIEW it AS SELECT id AS it FROM accounts_account WHERE address LIKE 'it@%'"


def add(connection):
    """Add everything; the constraints are there while it comes."""
    for statement in (
        *(_IT, _SLIPS, _DEPARTURES, _CUSTODY, _REQUESTS, _PROPOSALS, _REMOVALS),
        *(_CAMPAIGN, _PHONE_CAMPAIGN, "ANALYZE"),
    ):
        connection.execute(statement)


if __name__ == "__main__":
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as given:
        add(given)
