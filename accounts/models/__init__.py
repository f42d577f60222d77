"""The tables of accounts. They hold columns, constraints and questions; rules stand above them."""

from accounts.models.account import Account
from accounts.models.activation import ActivationSlip
from accounts.models.address import Address, AddressQuarantine, MailDomain
from accounts.models.audit_event import AuditEvent, AuditHead, AuditLink, AuditShipment, Ground
from accounts.models.campaign import Campaign, CampaignMember
from accounts.models.custody import Custody
from accounts.models.data_request import DataRequest
from accounts.models.days import CodeDay, HashTally, UnitDay
from accounts.models.departure import Departure, Removal, RemovalMember
from accounts.models.factor import FactorDemand, Passkey
from accounts.models.hotline import DailyHelp, FactorProposal, PhoneProposal
from accounts.models.job import Job, Upkeep
from accounts.models.login_notice import LoginNotice
from accounts.models.phone_campaign import PhoneCampaign, PhoneExcuse, PhoneMember
from accounts.models.program import Hook, HookMessage, ProgramCall, ProgramToken
from accounts.models.session import AppPassword, Device, MailLogin, Session, WebmailLogin
from accounts.models.unit import Unit

__all__ = [
    "Account",
    "ActivationSlip",
    "Address",
    "AddressQuarantine",
    "AppPassword",
    "AuditEvent",
    "AuditHead",
    "AuditLink",
    "AuditShipment",
    "Campaign",
    "CampaignMember",
    "CodeDay",
    "Custody",
    "DailyHelp",
    "DataRequest",
    "Departure",
    "Device",
    "FactorDemand",
    "FactorProposal",
    "Ground",
    "HashTally",
    "Hook",
    "HookMessage",
    "Job",
    "LoginNotice",
    "MailDomain",
    "MailLogin",
    "Passkey",
    "PhoneCampaign",
    "PhoneExcuse",
    "PhoneMember",
    "PhoneProposal",
    "ProgramCall",
    "ProgramToken",
    "Removal",
    "RemovalMember",
    "Session",
    "Unit",
    "UnitDay",
    "Upkeep",
    "WebmailLogin",
]
