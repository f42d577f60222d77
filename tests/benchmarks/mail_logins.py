"""Measures what app passwords cost a log-in at the mail server. Run it by hand, on a quiet machine:

    python -m tests.benchmarks.mail_logins

It uses a test database of its own, and Dovecot with the files of deploy/, without its cache: with
the second passdb, and without it as before there were app passwords.
"""

import os
from pathlib import Path

from tests.support.environment import own_database

ROUNDS = 60
MADE = 10  # app passwords of the account: as many as there may be
MOST = 1.5  # times what the same log-in took before; a slow hash more would be nearly 2


def main():
    with own_database():
        from django.test.utils import setup_test_environment

        setup_test_environment()
        measure()


def measure():
    from accounts.credentials import app_passwords
    from tests.support import cast
    from tests.support.cast import PASSWORD
    from tests.support.hashing import as_deployed
    from tests.support.programs import mailserver

    class Before(mailserver.Dovecot):
        """Dovecot without the second passdb."""

        def _write_files(self):
            super()._write_files()
            file = self.path / "dovecot.conf"
            before, found, after = file.read_text().partition("# Passwords of one mail program")
            assert found
            file.write_text(before + after[after.index("userdb {") :])

    with as_deployed():
        person = cast.make("an")
    assert "$m=19456,t=2," in person.password
    made = [app_passwords.make(person, f"máy {n}").password for n in range(MADE)]
    mailserver.make_role()
    servers = [kind("auth_cache_size = 0\n") for kind in (Before, mailserver.Dovecot)]
    try:
        report(costs(servers, PASSWORD, made))
    finally:
        for server in servers:
            server.end()
        mailserver.drop_role()


def costs(servers, own, made):
    """Give, by what is typed, the seconds of the processor that a log-in takes each server.

    Not those that pass: what is refused waits for up to half a second of Dovecot's own. They take
    turns, so that whatever else the machine does slows both down.
    """
    cases = {
        "one's own password": lambda _: own,
        "a wrong password": lambda n: f"sai-{n}",
        "an app password": lambda n: made[n % len(made)],
    }
    found = {}
    for name, password in cases.items():
        began = [worked(server.process.pid) for server in servers]
        for n in range(ROUNDS):
            for server in servers:
                server.opens("an", password(n))
        ended = [worked(server.process.pid) for server in servers]
        found[name] = [(end - begin) / ROUNDS for begin, end in zip(began, ended, strict=True)]
    return found


def worked(master):
    """Add up what a program and its children have had of the processor, those that ended too."""
    family, seconds = {master}, 0.0
    processes = sorted(int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal())
    for pid in processes:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        parent, ticks = int(fields[1]), map(int, fields[11:15])
        if pid in family or parent in family:
            family.add(pid)
            seconds += sum(ticks) / os.sysconf("SC_CLK_TCK")
    return seconds


def report(found):
    # Without the second passdb an app password is a wrong one: it opened nothing.
    found["an app password"][0] = found["one's own password"][0]
    for name, (before, now) in found.items():
        ratio = now / before
        mark = "ok  " if ratio <= MOST else "OVER"
        print(
            f"{mark}  {name:<20} {1000 * before:>5.1f} ms of the processor before,"
            f" {1000 * now:>5.1f} ms now: {ratio:.2f} times   budget {MOST}"
        )
    print(f"      {ROUNDS} of each, an account with {MADE} app passwords")


if __name__ == "__main__":
    main()
