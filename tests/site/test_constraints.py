"""What PostgreSQL itself refuses, whoever asks: every constraint, tried by plain SQL."""

import contextlib
import datetime as dt
import uuid

from django.apps import apps
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.test import TestCase
from psycopg import sql

from accounts.models import Account, AuditEvent
from otp.models import CALLER_TRIES, GAP, GUESSES, OFFICE_ZONE, Code, Message
from tests.support import cast

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=OFFICE_ZONE)
LATER = NOON + dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)
SOME_ID = uuid.uuid4()


def code(**changes):
    issued_at = changes.get("issued_at", NOON)
    row = {
        "id": uuid.uuid4(),
        "address_key": "a" * 64,
        "purpose": "recovery",
        "pepper_id": "p" * 8,
        "browser_key": "b" * 64,
        "issued_at": issued_at,
        "gap_until": issued_at + GAP,
        "expires_at": issued_at + GAP,
        "ordinal": 1,
        "voided": False,
        "attempts": 0,
    }
    return "otp_code", row | changes


def message(**changes):
    texts = ("to_masked", "reason", "gateway", "gateway_id", "to", "subject", "text")
    times = ("created_at", "due_at", "good_until", "changed_at")
    row = dict.fromkeys(texts, "") | dict.fromkeys(times, NOON)
    row |= {"address_key": "a" * 64, "channel": "sms", "state": "queued", "tries": 0}
    return "otp_message", row | changes


def custody(**changes):
    return "accounts_custody", {"decision": "12", "since": NOON} | changes


def dead_number(**changes):
    row = {"phone_key": "a" * 64, "local_day": NOON.date(), "sent_at": NOON, "reason": "30005"}
    return "otp_deadnumberday", row | changes


def account(**changes):
    row = {
        "password": "!",
        "is_superuser": False,
        "address": "giang@example.vn",
        "full_name": "",
        "kind": "person",
        "phone": "",
        "new_phone": "",
        "old_phone": "",
        "has_default_password": False,
        "is_active": True,
        "is_staff": False,
        "created_at": NOON,
    }
    return "accounts_account", row | changes


def address(**changes):
    row = {"address": "giang.cu@example.vn", "account_id": 1, "is_main": False}
    return "accounts_address", row | changes


def unit(**changes):
    return "accounts_unit", {"name": "Văn phòng", "code": "", "parent_id": None} | changes


def device(**changes):
    row = {"account_id": 1, "token_name": "a" * 64, "browser": ""}
    return "accounts_device", row | {"first_seen_at": NOON, "last_seen_at": NOON} | changes


def mail_login(**changes):
    row = {"account_id": 1, "local_day": "2026-11-22", "client": "192.0.2.1", "protocol": "imap"}
    return "accounts_maillogin", row | {"count": 1, "first_at": NOON, "last_at": NOON} | changes


def app_password(**changes):
    row = {"account_id": 1, "name": "x", "digest": "a1", "encoded": "{SSHA512}x"}
    return "accounts_apppassword", row | {"made_at": NOON, "last_protocol": ""} | changes


def webmail_login(**changes):
    row = {"uid": "0" * 31 + "1", "account_id": 1, "browser": "", "challenge": "c" * 43}
    row |= {"nonce": "", "begun_at": NOON, "ends_at": NOON, "turn": 0}
    return "accounts_webmaillogin", row | {"access_digest": "", "former_digest": ""} | changes


def program(**changes):
    row = {"id": 1, "name": "x", "digest": "a" * 64, "scopes": ["locks"], "networks": ["::1/128"]}
    return "accounts_programtoken", row | {"made_at": NOON, "last_day": "2026-12-01"} | changes


def program_call(**changes):
    row = {"token_id": 1, "key_digest": "k", "content_digest": "c", "answer": "{}"}
    return "accounts_programcall", row | {"called_at": NOON} | changes


def hook(**changes):
    row = {"id": 1, "name": "x", "url": "https://x.example/", "events": ["locked"]}
    row |= {"seed": "a" * 32, "is_on": True, "claim": 0, "failures": 0, "outcome": ""}
    return "accounts_hook", row | {"made_at": NOON} | changes


def hook_message(**changes):
    row = {"uid": uuid.UUID(int=1), "hook_id": 1, "event": "locked", "happened_at": NOON}
    row |= {"data": '{"address": "x"}', "address_key": "", "state": "waiting", "tries": 0}
    return "accounts_hookmessage", row | {"due_at": NOON, "outcome": ""} | changes


def passkey(**changes):
    row = {"user_id": 1, "name": "x", "confirmed": True, "credential_id": b"a", "public_key": b"k"}
    row |= {"throttling_failure_count": 0, "sign_count": 0, "transports": "", "added_at": NOON}
    return "accounts_passkey", row | changes


def factor_demand(**changes):
    return "accounts_factordemand", {"unit_id": 1, "from_day": "2026-12-01"} | changes


def job(**changes):
    row = {"kind": "import", "state": "queued", "confirmed": False, "actor_id": 1, "request_id": ""}
    row |= {"created_at": NOON, "changed_at": NOON, "total": 0, "done": 0, "changed": 0, "tries": 0}
    row |= {"accounts": [], "options": "{}", "result": "{}", "faults": "[]", "file": b"x"}
    return "accounts_job", row | changes


def brakes(**changes):
    ceilings = ("codes_an_hour", "codes_a_day", "guesses_an_hour", "guesses_a_day")
    row = {"id": 1, "sending_stopped": False, "proof_of_work": False, "changed_at": NOON}
    return "otp_brakes", row | dict.fromkeys(ceilings, 1) | changes


def upkeep(**changes):
    counts = dict.fromkeys(("failures", "runs", "failed_runs"), 0)
    return "accounts_upkeep", counts | {"name": "a", "since": NOON, "reason": ""} | changes


def daily_help(**changes):
    return "accounts_dailyhelp", {
        "account_id": 1,
        "kind": "code",
        "local_day": "2026-11-22",
        "given_at": NOON,
    } | changes


def proposal(**changes):
    row = {"account_id": 1, "phone": "+84912466981", "phone_masked": "***981", "evidence": "x"}
    row |= {"ticket": "1", "state": "open", "proposed_at": NOON, "proposed_by_id": 2}
    return "accounts_phoneproposal", row | changes


def factor_proposal(**changes):
    row = {"account_id": 1, "evidence": "x", "ticket": "1", "state": "open"}
    return "accounts_factorproposal", row | {"proposed_at": NOON, "proposed_by_id": 2} | changes


def factor_approved(**changes):
    decided = {"state": "approved", "decided_at": NOON, "decided_by_id": 3}
    return factor_proposal(**(decided | changes))


def approved(**changes):
    decided = {"state": "approved", "phone": "", "decided_at": NOON, "decided_by_id": 3}
    return proposal(**(decided | changes))


def slip(**changes):
    row = {"id": "a5b0c9a3-0f7c-4b67-9a55-0d6b4ae7a001", "account_id": 1, "pepper_id": "x"}
    row |= {"given_at": NOON, "good_until": LATER, "given_by_id": 2}
    return "accounts_activationslip", row | changes


def data_request(**changes):
    row = {"account_id": 1, "kind": "erase", "text": "x", "state": "open", "made_at": NOON}
    return "accounts_datarequest", row | {"due_on": NOON.date(), "answer": ""} | changes


def departure(**changes):
    row = {"account_id": 1, "last_day": "2026-03-01", "forward_days": 0, "sentence": "x"}
    row |= {"why": "x", "planned_at": NOON, "planned_by_id": 2}
    return "accounts_departure", row | changes


def removal(**changes):
    row = {"id": 1, "why": "x", "state": "open", "proposed_at": NOON, "proposed_by_id": 2}
    return "accounts_removal", row | changes


def removal_member(**changes):
    row = {"removal_id": 1, "account_id": 1, "was_locked": False, "was_active": True}
    return "accounts_removalmember", row | {"outcome": "", "reason": ""} | changes


def kept(**changes):
    row = {"local_key": "a" * 64, "domain": "example.vn", "until": LATER}
    return "accounts_addressquarantine", row | changes


def login_notice(**changes):
    return "accounts_loginnotice", {"text": "x", "shown_from": NOON, "shown_until": LATER} | changes


def link(**changes):
    return "accounts_auditlink", {
        "seq": 1,
        "event_id": 1,
        "at": NOON,
        "row": "r" * 64,
        "digest": "d" * 64,
    } | changes


def head(**changes):
    row = {"id": 1, "seq": 1, "digest": "d" * 64}
    return "accounts_audithead", row | changes


def campaign(**changes):
    row = {"id": 1, "name": "x", "basis": "x", "first_day": "2026-12-01", "state": "planned"}
    return "accounts_campaign", row | {"created_at": NOON} | changes


def member(**changes):
    return "accounts_campaignmember", {"campaign_id": 1, "account_id": 1, "outcome": ""} | changes


def phone_campaign(**changes):
    row = {"id": 1, "name": "x", "basis": "x", "state": "planned", "created_at": NOON}
    row |= {"kinds": ["person"], "reminder_days": [dt.date(2026, 12, 1)], "postponements": 3}
    return "accounts_phonecampaign", row | {"asked_first_from": "2026-12-15"} | changes


def phone_member(**changes):
    row = {"campaign_id": 1, "account_id": 1, "outcome": "", "postponements_left": 0}
    return "accounts_phonemember", row | changes


def phone_excuse(**changes):
    row = {"account_id": 1, "reason": "x", "excused_at": NOON}
    return "accounts_phoneexcuse", row | changes


def warned(**changes):
    days = {"first_warned_on": "2026-12-01", "last_warned_on": "2026-12-14"}
    return member(**(days | {"warnings_sent": 3} | changes))


def unit_day(**changes):
    figures = ("accounts", "phones", "default_passwords", "never_logged_in", "locked")
    row = {"unit_id": None, "day": "2026-11-22"}
    return "accounts_unitday", row | dict.fromkeys(figures, 0) | changes


def code_day(**changes):
    figures = ("asked", "sent", "used", "idle", "wrong", "unused")
    return "accounts_codeday", {"day": "2026-11-22", "gateway": ""} | dict.fromkeys(
        figures, 0
    ) | changes


PEOPLE = [account(id=n, address=f"a{n}@example.vn") for n in (1, 2, 3)]

# For each constraint: rows that go in, and after them a row that does not.
REFUSED = {
    "code_gap": [
        ([code()], code(ordinal=2, issued_at=NOON + GAP - SECOND)),
        ([code(issued_at=NOON + GAP)], code(ordinal=2, issued_at=NOON + SECOND)),
        ([code(voided=True)], code(issued_at=NOON + SECOND)),
    ],
    "code_place_in_the_day": [
        ([code()], code(issued_at=LATER)),
        ([code(), code(ordinal=2, issued_at=NOON + GAP)], code(ordinal=2, issued_at=LATER)),
    ],
    "code_two_a_day": [([], code(ordinal=3)), ([], code(ordinal=0))],
    "code_gap_kept": [([], code(gap_until=NOON + GAP - SECOND, expires_at=NOON + SECOND))],
    "code_one_alive": [([], code(expires_at=NOON + GAP + SECOND))],
    "code_guesses": [([], code(attempts=GUESSES + 1)), ([], code(attempts=-1))],
    "code_verified_before_used": [([], code(used_at=LATER))],
    "code_given_back_is_voided": [([], code(given_back=True))],
    "code_known_purpose": [([], code(purpose="log-in"))],
    "message_forgets_where_it_went": [
        ([message(to="+84912466981", text="x")], message(state=state, **{column: "x"}))
        for state in Message.State.values
        for column in ("to", "subject", "text")
        if state not in ("queued", "sending")
    ],
    "custody_by_two_others": [
        ([account(id=1)], custody(mailbox_id=1, responsible_id=1)),
        ([account(id=1)], custody(mailbox_id=1, deputy_id=1)),
        (
            [account(id=1), account(id=2, address="mua@example.vn")],
            custody(mailbox_id=1, responsible_id=2, deputy_id=2),
        ),
    ],
    "accounts_custody_mailbox_id_key": [
        ([account(id=1), custody(mailbox_id=1)], custody(mailbox_id=1)),
    ],
    "dead_number_once_a_day": [([dead_number()], dead_number(sent_at=LATER))],
    "message_known_state": [([], message(state="lost"))],
    "otp_message_code_id_key": [
        ([code(id=SOME_ID), message(code_id=SOME_ID)], message(code_id=SOME_ID))
    ],
    "accounts_account_address_key": [([account()], account())],
    "account_address_is_canonical": [
        ([], account(address=address))
        for address in (
            *("Giang@example.vn", "giang", "giang @example.vn", "giảng@example.vn"),
            *("gia..ng@example.vn", ".giang@example.vn", "giang.@example.vn", "giang@example..vn"),
        )
    ],
    "account_phones_are_vietnamese_mobiles": [
        ([], account(**{column: number}))
        for column in ("phone", "new_phone", "old_phone")
        for number in ("0912466981", "+85512345678", "+84121123456", "+8491246698")
    ],
    "account_confirmed_means_a_phone": [([], account(phone_confirmed_at=NOON))],
    "accounts_address_address_key": [
        ([account(id=1)], address(address="giang@example.vn")),
        ([account(id=1), address()], account(id=2, address="giang.cu@example.vn")),
        ([account(id=1), address(), account(id=2, address="ha@example.vn")], address(account_id=2)),
    ],
    "address_is_canonical": [
        ([account(id=1)], address(address=spelling))
        for spelling in (
            *("Giang.Cu@example.vn", "giang.cu", "giang cu@example.vn", ""),
            *("giang..cu@example.vn", ".giang@example.vn", "giang.@example.vn"),
        )
    ],
    "address_one_main": [([account(id=1)], address(is_main=True))],
    "unit_path_once": [
        ([unit()], unit()),
        ([unit(name="Sở Y tế")], unit(name="SỞ Y TẾ")),
        ([unit(id=1), unit(name="Phòng", parent_id=1)], unit(name="phòng", parent_id=1)),
    ],
    "unit_name_is_one_step": [([], unit(name="Sở Y tế/Văn phòng"))],
    "unit_not_its_own_parent": [([], unit(id=7, parent_id=7))],
    "help_once_a_day": [([*PEOPLE, daily_help()], daily_help())],
    "help_used_by_its_word": [
        (PEOPLE, daily_help(used_at="2026-03-02 09:00+07", word_key="")),
    ],
    "proposal_one_open": [([*PEOPLE, proposal()], proposal())],
    "proposal_approved_by_another": [
        (PEOPLE, approved(decided_by_id=2)),
        (PEOPLE, approved(decided_by_id=None)),
    ],
    "proposal_not_for_oneself": [
        (PEOPLE, proposal(proposed_by_id=1)),
        (PEOPLE, approved(decided_by_id=1)),
    ],
    "proposal_forgets_the_number": [
        (PEOPLE, approved(phone="+84912466981")),
        (PEOPLE, proposal(phone="0912466981")),
    ],
    "factor_proposal_one_open": [([*PEOPLE, factor_proposal()], factor_proposal())],
    "factor_proposal_approved_by_another": [
        (PEOPLE, factor_approved(decided_by_id=2)),
        (PEOPLE, factor_approved(decided_by_id=None)),
    ],
    "factor_proposal_not_for_oneself": [
        (PEOPLE, factor_proposal(proposed_by_id=1)),
        (PEOPLE, factor_approved(decided_by_id=1)),
    ],
    "slip_one_open": [
        ([*PEOPLE, slip()], slip(id="a5b0c9a3-0f7c-4b67-9a55-0d6b4ae7a002")),
    ],
    "slip_used_or_ended": [(PEOPLE, slip(used_at=NOON, ended_at=NOON))],
    "data_request_one_open_of_a_kind": [([*PEOPLE, data_request()], data_request())],
    "data_request_known_kind": [(PEOPLE, data_request(kind="gift"))],
    "data_request_says_what_is_asked": [(PEOPLE, data_request(text=""))],
    "data_request_closed_with_its_outcome": [
        (PEOPLE, data_request(state="gone", closed_at=NOON)),
        (PEOPLE, data_request(state="done", closed_at=NOON)),
        (PEOPLE, data_request(state="refused", answer="x")),
        (PEOPLE, data_request(state="withdrawn", closed_at=NOON, answer="x")),
        (PEOPLE, data_request(closed_at=NOON)),
    ],
    "data_request_answered_by_another": [
        (PEOPLE, data_request(state="done", closed_at=NOON, answer="x", answered_by_id=1)),
        (PEOPLE, data_request(answered_by_id=2)),
    ],
    "departure_one_standing": [([*PEOPLE, departure()], departure())],
    "departure_forwards_for_days": [
        (PEOPLE, departure(forward_days=1)),
        (PEOPLE, departure(forward_to_id=2)),
        (PEOPLE, departure(forward_to_id=2, forward_days=366)),
    ],
    "departure_not_to_oneself": [(PEOPLE, departure(forward_to_id=1, forward_days=1))],
    "departure_sentence_is_ascii": [
        (PEOPLE, departure(sentence="nghỉ")),
        (PEOPLE, departure(sentence="a\nb")),
        (PEOPLE, departure(sentence="")),
    ],
    "removal_confirmed_by_another": [
        (PEOPLE, removal(state=state, decided_by_id=by, decided_at=NOON))
        for state in ("confirmed", "done")
        for by in (None, 2)
    ],
    "removal_known_state": [(PEOPLE, removal(state="lost", decided_by_id=3))],
    "removal_member_once": [
        ([*PEOPLE, removal(), removal_member(outcome="spared")], removal_member(outcome="held"))
    ],
    "removal_member_of_one_open_list": [
        ([*PEOPLE, removal(), removal_member(), removal(id=2)], removal_member(removal_id=2))
    ],
    "removal_member_known_outcome": [([*PEOPLE, removal()], removal_member(outcome="lost"))],
    "quarantine_once": [([kept()], kept(until=NOON))],
    "login_notice_has_an_end": [([], login_notice(shown_until=NOON))],
    "accounts_auditlink_event_id_key": [([link()], link(seq=2))],
    "audit_head_is_one_row": [([], head(id=2))],
    "phone_campaign_known_state": [([], phone_campaign(state="lost"))],
    "phone_campaign_runs_once_started": [
        ([], phone_campaign(state="running")),
        ([], phone_campaign(state="done", ended_at=LATER)),
    ],
    "phone_campaign_ends_when_it_is_over": [
        ([], phone_campaign(state="stopped")),
        ([], phone_campaign(ended_at=NOON)),
    ],
    "phone_campaign_known_kinds": [
        ([], phone_campaign(kinds=["robot"])),
        ([], phone_campaign(kinds=[])),
    ],
    "phone_campaign_reminds_before_it_insists": [
        ([], phone_campaign(reminder_days=[])),
        ([], phone_campaign(reminder_days=[dt.date(2026, 12, 1)] * 11)),
        ([], phone_campaign(asked_first_from="2026-11-30")),
    ],
    "phone_campaign_numbers_in_bounds": [
        ([], phone_campaign(postponements=-1)),
        ([], phone_campaign(postponements=21)),
        ([], phone_campaign(older_than=0)),
        ([], phone_campaign(older_than=61)),
    ],
    "phone_excuse_has_a_reason": [(PEOPLE, phone_excuse(reason=""))],
    "accounts_phoneexcuse_account_id_key": [([*PEOPLE, phone_excuse()], phone_excuse())],
    "phone_member_once": [
        (
            [*PEOPLE, phone_campaign(), phone_member(outcome="left", decided_on="2026-12-01")],
            phone_member(),
        )
    ],
    "phone_member_of_one_open_campaign": [
        (
            [*PEOPLE, phone_campaign(), phone_campaign(id=2), phone_member()],
            phone_member(campaign_id=2),
        )
    ],
    "phone_member_reminders_have_their_day": [
        ([*PEOPLE, phone_campaign()], phone_member(reminders_sent=1)),
        ([*PEOPLE, phone_campaign()], phone_member(last_reminded_on="2026-12-01")),
    ],
    "phone_member_postpones_no_more_than_allowed": [
        ([*PEOPLE, phone_campaign()], phone_member(postponements_left=-1))
    ],
    "phone_member_known_outcome": [
        ([*PEOPLE, phone_campaign()], phone_member(outcome="lost", decided_on="2026-12-01"))
    ],
    "phone_member_decided_with_an_outcome": [
        ([*PEOPLE, phone_campaign()], phone_member(outcome="left")),
        ([*PEOPLE, phone_campaign()], phone_member(decided_on="2026-12-01")),
    ],
    "campaign_known_state": [([], campaign(state="lost"))],
    "campaign_runs_once_started": [
        ([], campaign(state="running")),
        ([], campaign(state="done", ended_at=LATER)),
    ],
    "campaign_lock_approved_while_it_runs": [([], campaign(lock_approved_at=NOON))],
    "campaign_ends_when_it_is_over": [
        ([], campaign(state="stopped")),
        ([], campaign(ended_at=NOON)),
    ],
    "member_once": [
        (
            [*PEOPLE, campaign(), member(outcome="left", decided_on="2026-12-01")],
            member(outcome="changed", decided_on="2026-12-02"),
        )
    ],
    "member_of_one_open_campaign": [
        ([*PEOPLE, campaign(), campaign(id=2), member()], member(campaign_id=2))
    ],
    "member_warnings_have_their_days": [
        ([*PEOPLE, campaign()], member(warnings_sent=1)),
        ([*PEOPLE, campaign()], warned(warnings_sent=0)),
        ([*PEOPLE, campaign()], warned(last_warned_on=None)),
        ([*PEOPLE, campaign()], warned(warnings_sent=1, last_warned_on="2026-11-30")),
    ],
    "member_warnings_are_days_apart": [
        ([*PEOPLE, campaign()], warned(warnings_sent=2, last_warned_on="2026-12-07")),
        ([*PEOPLE, campaign()], warned(last_warned_on="2026-12-13")),
        ([*PEOPLE, campaign()], warned(warnings_sent=4)),
    ],
    "member_is_locked_after_the_last_warning": [
        (
            [*PEOPLE, campaign()],
            warned(last_warned_on="2026-12-20", outcome="locked", decided_on="2026-12-20"),
        ),
        (
            [*PEOPLE, campaign()],
            warned(
                warnings_sent=2,
                last_warned_on="2026-12-08",
                outcome="locked",
                decided_on="2026-12-15",
            ),
        ),
    ],
    "member_is_locked_after_all_the_days": [
        ([*PEOPLE, campaign()], member(outcome="locked", decided_on="2026-12-15")),
    ],
    "member_known_outcome": [
        ([*PEOPLE, campaign()], member(outcome="lost", decided_on="2026-12-01"))
    ],
    "member_decided_with_an_outcome": [
        ([*PEOPLE, campaign()], member(outcome="changed")),
        ([*PEOPLE, campaign()], member(decided_on="2026-12-01")),
    ],
    "code_day_once": [([code_day()], code_day())],
    "unit_day_once": [
        ([unit_day()], unit_day()),
        ([unit(id=1), unit_day(unit_id=1)], unit_day(unit_id=1)),
    ],
    "job_forgets_its_file": [
        ([*PEOPLE, job()], job(state="done")),
        (PEOPLE, job(state="refused")),
    ],
    "code_tries_of_a_caller": [([], code(purpose="caller", attempts=CALLER_TRIES + 1))],
    "a_device_once": [([*PEOPLE, device()], device(forgotten_at=LATER))],
    "mail_logins_of_a_day_are_one_row": [([*PEOPLE, mail_login()], mail_login(count=2))],
    "mail_logins_end_after_they_began": [
        (PEOPLE, mail_login(first_at=LATER)),
        (PEOPLE, mail_login(count=0)),
    ],
    "accounts_maillogin_count_check": [(PEOPLE, mail_login(count=-1))],
    "mail_login_protocol_is_known": [(PEOPLE, mail_login(protocol="lmtp"))],
    "an_app_password_has_a_name": [([*PEOPLE, app_password()], app_password(digest="a2"))],
    "an_app_password_is_found_alone": [([*PEOPLE, app_password()], app_password(name="y"))],
    "an_app_password_is_a_hash": [
        (PEOPLE, app_password(digest="zz")),
        (PEOPLE, app_password(encoded="{PLAIN}x")),
        (PEOPLE, app_password(name="")),
    ],
    "an_app_password_was_used_by_a_protocol": [
        (PEOPLE, app_password(last_used_on="2026-11-22")),
        (PEOPLE, app_password(last_protocol="imap")),
    ],
    "a_webmail_login_has_a_challenge": [
        (PEOPLE, webmail_login(challenge="")),
        (PEOPLE, webmail_login(challenge="+" * 43)),
    ],
    "accounts_webmaillogin_turn_check": [(PEOPLE, webmail_login(turn=-1))],
    "webmail_login_turns_at_a_time": [
        (PEOPLE, webmail_login(turn=1)),
        (PEOPLE, webmail_login(turned_at=NOON)),
        (PEOPLE, webmail_login(access_digest="a" * 64)),
        (PEOPLE, webmail_login(turn=1, turned_at=NOON, access_digest="token")),
        (PEOPLE, webmail_login(turn=1, turned_at=NOON, access_digest="a" * 64, former_digest="x")),
    ],
    "a_program_token_is_a_hash": [([], program(digest="zz")), ([], program(name=""))],
    "a_program_token_opens_something": [
        ([], program(scopes=[])),
        ([], program(scopes=["all"])),
    ],
    "a_program_token_of_a_unit_reads_no_messages": [([], program(scopes=["messages"], unit_id=1))],
    "a_program_token_is_of_a_network": [([], program(networks=[]))],
    "a_program_uses_a_key_once": [([program(), program_call()], program_call())],
    "accounts_programtoken_name_key": [([program()], program(id=2, digest="b" * 64))],
    "accounts_programtoken_digest_key": [([program()], program(id=2, name="y"))],
    "a_hook_has_a_name": [([], hook(name=""))],
    "a_hook_tells_something": [([], hook(events=[]))],
    "a_hook_leads_to_an_address": [([], hook(url="file:///x")), ([], hook(url="https:///x"))],
    "a_hook_has_a_seed": [([], hook(seed="")), ([], hook(seed="z" * 32))],
    "a_hook_that_ended_is_off": [([], hook(ended_at=NOON, url="https://x.example"))],
    "a_hook_that_ended_keeps_its_host_alone": [
        ([], hook(ended_at=NOON, is_on=False)),
        ([], hook(ended_at=NOON, is_on=False, url="https://u:p@x.example")),
        ([], hook(ended_at=NOON, is_on=False, url="https://x.example?khoa=1")),
    ],
    "accounts_hook_name_key": [([hook()], hook(id=2))],
    "accounts_hookmessage_uid_key": [([hook(), hook_message()], hook_message())],
    "a_hook_message_forgets_whom_it_was_of": [
        ([hook()], hook_message(state="taken", settled_at=NOON)),
        ([hook()], hook_message(state="taken", data="{}")),
        ([hook()], hook_message(state="waiting", settled_at=NOON)),
        ([hook()], hook_message(state="lost", data="{}")),
    ],
    "factor_demand_of_a_role_or_a_unit": [
        ([*PEOPLE, unit()], factor_demand(unit_id=None)),
    ],
    "accounts_factordemand_unit_id_key": [([*PEOPLE, unit(), factor_demand()], factor_demand())],
    "accounts_factordemand_role_id_key": [
        (
            [("auth_group", {"id": 900, "name": "x"}), factor_demand(unit_id=None, role_id=900)],
            factor_demand(unit_id=None, role_id=900),
        )
    ],
    "passkey_sign_count_is_a_count": [
        (PEOPLE, passkey(sign_count=-1)),
        (PEOPLE, passkey(sign_count=2**32)),
    ],
    "accounts_passkey_throttling_failure_count_check": [
        (PEOPLE, passkey(throttling_failure_count=-1))
    ],
    "accounts_passkey_credential_id_key": [
        ([*PEOPLE, passkey()], passkey(user_id=2)),
    ],
    "upkeep_failed_for_a_reason": [([], upkeep(failures=1))],
    "brakes_one_row": [([], brakes(id=2))],
    "otp_brakes_codes_an_hour_check": [([], brakes(codes_an_hour=-1))],
    "otp_brakes_codes_a_day_check": [([], brakes(codes_a_day=-1))],
    "otp_brakes_guesses_an_hour_check": [([], brakes(guesses_an_hour=-1))],
    "otp_brakes_guesses_a_day_check": [([], brakes(guesses_a_day=-1))],
}


def enter(table, row):
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    places = sql.SQL(", ").join(map(sql.Placeholder, row))
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table), names, places
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, row)


class Refusals(TestCase):
    @contextlib.contextmanager
    def assert_refused_by(self, constraint):
        with self.assertRaises(IntegrityError) as refusal, transaction.atomic():
            yield
        self.assertEqual(refusal.exception.__cause__.diag.constraint_name, constraint)


class ConstraintTests(Refusals):
    def test_the_database_refuses_what_breaks_a_rule(self):
        for constraint, tries in REFUSED.items():
            for before, refused in tries:
                with self.subTest(constraint, row=refused), contextlib.suppress(_Undo):
                    self.try_and_undo(constraint, before, refused)

    def try_and_undo(self, constraint, before, refused):
        with transaction.atomic():
            for row in before:
                enter(*row)
            with self.assert_refused_by(constraint):
                enter(*refused)
            raise _Undo

    def test_the_rows_are_refused_for_nothing_else(self):
        for row in (
            code(),
            code(ordinal=2, issued_at=NOON + GAP),
            code(purpose="phone"),
            code(purpose="caller", attempts=CALLER_TRIES),
            code(address_key="c" * 64, attempts=GUESSES, verified_at=LATER, used_at=LATER),
            message(state="accepted"),
            account(phone="+84912466981", phone_confirmed_at=NOON),
            unit(),
            *PEOPLE,
            proposal(),
            approved(),
            login_notice(),
            removal(state="done", decided_by_id=3),
            removal_member(),
            removal_member(account_id=2, outcome="removed"),
            kept(),
            kept(domain="example.com"),
            daily_help(),
            daily_help(kind="reopening"),
            daily_help(local_day="2026-11-23"),
            link(),
            campaign(),
            campaign(id=2, state="running", started_at=NOON, lock_approved_at=LATER),
            campaign(id=3, state="done", started_at=NOON, ended_at=LATER),
            warned(outcome="locked", decided_on="2026-12-15"),
            warned(campaign_id=2),
            phone_campaign(),
            phone_campaign(id=2, state="running", started_at=NOON, older_than=12),
            phone_campaign(id=3, state="stopped", ended_at=NOON, kinds=["person", "organisation"]),
            phone_member(reminders_sent=2, last_reminded_on="2026-12-08"),
            phone_member(campaign_id=2, outcome="confirmed", decided_on="2026-12-08"),
            phone_excuse(),
            code_day(),
            code_day(gateway="esms"),
            code_day(day="2026-11-23"),
            unit_day(),
            unit_day(day="2026-11-23"),
            device(),
            device(account_id=2),
            mail_login(),
            mail_login(protocol="smtp"),
            mail_login(client="192.0.2.2"),
            mail_login(local_day="2026-11-23", first_at=LATER, last_at=LATER, count=3),
            mail_login(account_id=2),
            passkey(sign_count=2**32 - 1),
            passkey(credential_id=b"b"),
            upkeep(),
            upkeep(name="b", failures=1, reason="ValueError"),
        ):
            enter(*row)

    def test_no_constraint_is_left_out(self):
        self.assertEqual(constraints(), set(REFUSED))

    def test_a_change_is_refused_like_an_entry(self):
        enter(*code())
        for constraint, change in (
            ("code_guesses", "attempts = 6"),
            ("code_two_a_day", "ordinal = 3"),
            ("code_gap_kept", "gap_until = issued_at, expires_at = issued_at"),
            ("code_one_alive", "expires_at = gap_until + interval '1 second'"),
            ("code_verified_before_used", "used_at = issued_at"),
            ("code_known_purpose", "purpose = ''"),
        ):
            with self.subTest(change), self.assert_refused_by(constraint):
                execute(f"UPDATE otp_code SET {change}")

    def test_a_voided_code_cannot_take_a_place_that_was_given_away(self):
        enter(*code(voided=True))
        enter(*code(issued_at=LATER))

        with self.assert_refused_by("code_place_in_the_day"):
            execute("UPDATE otp_code SET voided = false")

    def test_nobody_can_lie_about_the_day(self):
        enter(*code())

        table, row = code(local_day=dt.date(2026, 11, 23), address_key="c" * 64)
        for lie in (
            lambda: enter(table, row),
            lambda: execute("UPDATE otp_code SET local_day = '2026-11-23'"),
        ):
            with self.assertRaisesMessage(ProgrammingError, "local_day"), transaction.atomic():
                lie()
        self.assertEqual(Code.objects.get().local_day, dt.date(2026, 11, 22))

    def test_two_accounts_cannot_share_an_address_through_its_case(self):
        cast.make("an")

        with self.assert_refused_by("account_address_is_canonical"):
            Account.objects.update(address="AN@example.vn")


class AuditTrailTests(TestCase):
    def setUp(self):
        self.an = cast.make("an")
        AuditEvent.record(AuditEvent.Event.LOCKED, self.an, actor=self.an)
        self.event = AuditEvent.objects.get()

    def test_it_refuses_change_and_removal_by_sql_and_by_the_models(self):
        for change in (
            lambda: execute("UPDATE accounts_auditevent SET ok = false"),
            lambda: execute("DELETE FROM accounts_auditevent"),
            lambda: execute(
                "INSERT INTO accounts_auditevent SELECT * FROM accounts_auditevent"
                " ON CONFLICT (id) DO UPDATE SET ok = false"
            ),
            lambda: AuditEvent.objects.update(ok=False),
            lambda: AuditEvent.objects.all().delete(),
            self.event.save,
            self.event.delete,
        ):
            with self.assertRaisesMessage(DatabaseError, "append-only"), transaction.atomic():
                change()
        kept = AuditEvent.objects.get(account_id=self.an.pk)
        self.assertEqual((kept.event, kept.ok), (AuditEvent.Event.LOCKED, True))

    def test_a_removed_account_leaves_its_history(self):
        pk = self.an.pk

        self.an.delete()

        self.assertEqual(AuditEvent.objects.get().account_id, pk)


class _Undo(Exception):
    pass


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def constraints():
    """Name what guards the tables of the portal's own models, but for keys of rows."""
    own = [model for app in ("accounts", "otp") for model in apps.get_app_config(app).get_models()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE contype IN ('c', 'u', 'x') AND conrelid = ANY(%(tables)s::regclass[])"
            " UNION SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indisunique AND NOT indisprimary AND indrelid = ANY(%(tables)s::regclass[])",
            {"tables": [model._meta.db_table for model in own]},
        )
        return {name for (name,) in cursor}
