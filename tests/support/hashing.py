"""What hashing a password costs in the tests: next to nothing, save where its cost is tried."""

from contextlib import ExitStack
from unittest import mock

from accounts.credentials.foreign_hashes import _Usual
from accounts.credentials.hashers import BoundedArgon2Hasher

# As it was written, before any test.
_OURS = {name: getattr(BoundedArgon2Hasher, name) for name in ("memory_cost", "time_cost")}


def cheap():
    """Let the processor hash for a thousandth of the time, within this."""
    return _costing(memory_cost=64, time_cost=1)


def as_deployed():
    return _costing(**_OURS)


def _costing(**costs):
    both = ExitStack()
    both.enter_context(mock.patch.multiple(BoundedArgon2Hasher, **costs))
    both.enter_context(mock.patch.object(_Usual, "seconds", 0.0))
    return both


class HashesAsDeployed:
    """A class of tests in which a hash costs what it costs in a deployment."""

    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(as_deployed())
        super().setUpClass()
