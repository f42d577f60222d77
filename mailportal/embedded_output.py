"""The one line, of all that PostgreSQL's programs wrote, which says why one of them failed."""

import re

# What PostgreSQL's programs say of their causes, the worst first.
_COMPLAINTS = (
    re.compile(r"PANIC: +(.+)"),
    # Not what it tells those who ask too early: they may be ourselves.
    re.compile(r"FATAL: +(?!the database system is )(.+)"),
    re.compile(r"(?:ERROR|error): +(.+)"),
    re.compile(r"(.*\berror while loading .+)"),
    re.compile(r"(.*\bterminated by signal .+)"),
)
# What initdb says of its own steps and of tidying up: no cause.
_STEPS = re.compile(r"removing |child process exited|.*\.\.\. *(ok)?$|.*hint: |HINT: |LOG: ", re.I)


def reason(error: Exception) -> str:
    """Say in one line what an exception tells of the cause."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename}"
    return telling_line(str(error)).rstrip(".")


def telling_line(output: str) -> str:
    """Pick the cause out of what a program wrote: its worst complaint, or else its last word."""
    for complaint in _COMPLAINTS:
        if found := complaint.findall(output):
            return str(found[-1]).strip()
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if not _STEPS.match(re.sub(r"^\w+: ", "", line))]
    return (telling or lines or ["it gave no reason"])[-1]
