"""Accounts removed for good: proposed by one member of staff, confirmed by another, erased."""
