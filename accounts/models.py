"""The tables of this app, wherever they are written down."""

from accounts.audit import AuditEvent
from accounts.people import Account, Session, Unit

__all__ = ["Account", "AuditEvent", "Session", "Unit"]
