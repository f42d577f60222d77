"""Webhooks: IT's programs hear what happened, signed, at least once (docs/webhooks.md)."""
