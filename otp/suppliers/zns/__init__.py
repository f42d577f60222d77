"""Zalo's notification service (ZNS): codes by a template of the office's Official Account."""
