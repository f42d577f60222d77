"""Hashes that open nothing, with which a log-in under an unknown name is compared.

Each unknown name costs what the hash of some account costs (EN-06): its scheme is drawn from those
that are stored, as often as they are stored, and stays the same for the name.
"""

import base64

from django.contrib.auth.hashers import check_password, make_password
from django.views.decorators.debug import sensitive_variables

from accounts.models import HashTally
from otp.counting import keyed_names

_BITS = 52  # of a keyed name, which a float holds exactly
# What stands for a salt and a digest, by how a scheme begins.
_ENDINGS = (
    ("argon2$", "$c2FsdC1vZi1ub2JvZHktMQ$" + "A" * 43),
    ("imported${SSHA}", base64.b64encode(bytes(20 + 8)).decode()),
    ("imported${SSHA256}", base64.b64encode(bytes(32 + 8)).decode()),
    ("imported${SSHA512}", base64.b64encode(bytes(64 + 8)).decode()),
    ("imported${SHA512-CRYPT}", "$salt.of.nobody$" + "." * 86),
    ("imported${SHA256-CRYPT}", "$salt.of.nobody$" + "." * 43),
    ("imported${BLF-CRYPT}", "$" + "." * 53),
    ("imported${ARGON2I}", "$c2FsdC1vZi1ub2JvZHktMQ$" + "A" * 43),
    ("imported${SCRAM-SHA-", ",c2FsdC1vZi1ub2JvZHktMQ==,AAAA,AAAA"),
    ("imported$pbkdf2-sha", "$c2FsdC1vZi1ub2JvZHktMQ==$" + "A" * 24),
)


def drawn_for(address: str) -> str:
    """Give the hash for this address, were it unknown; "" for one of ours. One statement."""
    totals = HashTally.objects.totals()
    name = keyed_names.oldest_name_of("hash-scheme", address)
    place = int(name, 16) % 2**_BITS / 2**_BITS * sum(total for _, total in totals)
    for scheme, total in totals:
        if place < total:
            return _decoy(scheme)
        place -= total
    return ""


@sensitive_variables("password")
def compare(password: str, decoy: str) -> None:
    """Do the work of comparing a password that is wrong."""
    if decoy:
        check_password(password, decoy)
    else:
        make_password(password)


def _decoy(scheme: str) -> str:
    return next((scheme + end for start, end in _ENDINGS if scheme.startswith(start)), "")
