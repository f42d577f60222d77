"""The tables of this app, wherever they are written down."""

from accounts.audit import AuditEvent, AuditLink
from accounts.campaigns import Campaign, CampaignMember
from accounts.jobs import Job
from accounts.mailboxes import Address, MailDomain
from accounts.people import Account, Session, Unit
from accounts.unit_days import UnitDay
from accounts.work import DailyHelp, LoginNotice, PhoneProposal

__all__ = [
    "Account",
    "Address",
    "AuditEvent",
    "AuditLink",
    "Campaign",
    "CampaignMember",
    "DailyHelp",
    "Job",
    "LoginNotice",
    "MailDomain",
    "PhoneProposal",
    "Session",
    "Unit",
    "UnitDay",
]
