"""Whom the portal trusts as the other end of TLS."""

import ssl


def trusting(ca_file: str = "") -> ssl.SSLContext:
    """Trust the system's authorities, or the office's own in `ca_file`, alike in every Python.

    From 3.13 on, Python refuses authorities that leave out a part which RFC 5280 asks of them. Many
    that offices have made for themselves do, and their certificates prove as much as before.
    """
    context = ssl.create_default_context(cafile=ca_file or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
