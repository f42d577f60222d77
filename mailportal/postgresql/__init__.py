"""How long a session of PostgreSQL may wait for a lock, run one statement, and hold idle locks.

PostgreSQL itself breaks off what takes longer, so that one stuck transaction stops nobody for long.
Behind a pooler that gives single transactions, the role has to have these limits.
"""

from typing import NamedTuple

# What else is not as PostgreSQL has it. To compile a statement took 0.3 s where a planner that
# guessed wrong thought it large, and made the largest, which counts a million accounts, no faster.
UNLIKE = {"jit": "off"}


class Patience(NamedTuple):
    """What one session may take, in seconds."""

    lock: int
    statement: int
    idle: int  # in a transaction, without a statement

    def options(self, own: str = "") -> str:
        """Give them as the start of a session takes them; what the office adds itself counts."""
        parts = [f"-c {name}={value}" for name, value in (UNLIKE | self.parameters()).items()]
        return " ".join([*parts, own]).strip()

    def parameters(self) -> dict[str, str]:
        return {
            "lock_timeout": f"{self.lock}s",
            "statement_timeout": f"{self.statement}s",
            "idle_in_transaction_session_timeout": f"{self.idle}s",
        }


# The idle time has to outlast a directory, which is asked while the row of an account is held.
PAGE = Patience(lock=3, statement=5, idle=30)
COMMAND = Patience(lock=10, statement=3600, idle=600)
LONG_PAGE = 25  # seconds a statement of a report or a list may take

# Seconds after its statement's limit at which a page gives a server up that does not answer at all.
GRACE = 1

# Commands that change tables or roles, and so are run by the owner of the database.
OWNERS = ("migrate", "mail_role", "portal_role", "restore")

patience = PAGE
as_owner = False


def is_command(name: str) -> None:
    """Give this process the patience of a command; manage.py says so before settings are read."""
    global patience, as_owner
    patience = COMMAND
    as_owner = name in OWNERS
