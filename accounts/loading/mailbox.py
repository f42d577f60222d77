"""What a file of another mail system holds: mailboxes, lists, redirections, what is left out."""

import enum
import re
from dataclasses import dataclass, field


class State(enum.Enum):
    """Whether a mailbox could be used there; the worst comes last."""

    OPEN = "open"
    PAUSED = "paused"  # after wrong passwords: opens by itself, or when somebody says so
    LOCKED = "locked"  # receives mail, and opens to nobody
    OFF = "switched off"

    @classmethod
    def worst(cls, *states: "State") -> "State":
        return max(states, key=list(cls).index, default=cls.OPEN)


@dataclass(frozen=True)
class Mailbox:
    """One mailbox, in the other system's spelling; "" and () for what is not told."""

    place: str
    address: str
    passwords: tuple[str, ...] = field(default=(), repr=False)  # any of them opened it
    full_name: str = ""
    phones: tuple[str, ...] = field(default=(), repr=False)
    state: State = State.OPEN
    must_change: bool = False  # at the next log-in
    aliases: tuple[str, ...] = ()
    unit: str = ""  # a path, such as Sở Y tế/Văn phòng
    forwards: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # addresses of lists that it is on
    known_as: tuple[str, ...] = ()  # how lists name it: DN, uid
    is_guess: bool = False  # nothing says which of its addresses is the mailbox's own


@dataclass(frozen=True)
class MailList:
    """A list or group: no mailbox. Its members may be addresses, or what they are `known_as`."""

    place: str
    address: str
    name: str = ""
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Redirection:
    """Mail to `address` goes to `targets`: an alias, a list or a forwarding, as it turns out."""

    place: str
    address: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """What has an address, and is nobody's mailbox; `name` is what it is called there."""

    place: str
    name: str
    reason: str


@dataclass(frozen=True)
class MailboxFault:
    """A place in the file that cannot be taken over, and why; the address where it can be read."""

    place: str
    reason: str
    address: str = ""
    is_of_the_hash: bool = False  # the rest of it could be taken over


@dataclass(frozen=True)
class Notice:
    """What who loads the file is to know of it."""

    text: str


Found = Mailbox | MailList | Redirection | LeftOut | MailboxFault | Notice

_LOCKED = re.compile(r"(\{[A-Za-z0-9.-]+\})?([!*].*)", re.DOTALL)


def unlocked(password: str) -> tuple[str, State]:
    """Take off the ! by which a hash is locked, as `usermod -L` does; ! and * alone are no hash."""
    shape = _LOCKED.fullmatch(password)
    if not shape:
        return password, State.OPEN
    hashed = shape[2].lstrip("!")
    if not hashed or hashed.startswith("*"):
        return "", State.OFF
    return (shape[1] or "") + hashed, State.OFF
