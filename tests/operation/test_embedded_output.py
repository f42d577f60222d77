"""What the embedded PostgreSQL's failure says: its cause, in one line."""

from django.test import SimpleTestCase

from mailportal.embedded_output import telling_line

INITDB = """The files belonging to this database system will be owned by user "nobody".

creating directory /x/data.new ... ok
creating subdirectories ... ok
"""
CASES = (
    (
        INITDB
        + "initdb: error: could not write to file: No space left on device\n"
        + 'initdb: removing data directory "/x/data.new"\n',
        "could not write to file: No space left on device",
    ),
    (
        INITDB
        + "running bootstrap script ... 2026-11-26 [77] FATAL:  could not create shared memory\n"
        + "2026-11-26 09:00:00.000 UTC [77] DETAIL:  Failed system call was shmget.\n"
        + "child process exited with exit code 1\n"
        + 'initdb: removing data directory "/x/data.new"\n',
        "could not create shared memory",
    ),
    (
        INITDB
        + "running bootstrap script ... Bus error (core dumped)\n"
        + "child process exited with exit code 135\n"
        + 'initdb: removing contents of data directory "/x/data.new"\n',
        "running bootstrap script ... Bus error (core dumped)",
    ),
    (
        INITDB
        + "performing post-bootstrap initialization ... "
        + "child process was terminated by signal 9: Killed\n"
        + 'initdb: removing data directory "/x/data.new"\n',
        "performing post-bootstrap initialization ... "
        "child process was terminated by signal 9: Killed",
    ),
    (
        "/x/postgres: error while loading shared libraries: libz.so.1: cannot open\n"
        'no data was returned by command "/x/postgres -V"\n'
        'initdb: removing data directory "/x/data.new"\n',
        "/x/postgres: error while loading shared libraries: libz.so.1: cannot open",
    ),
    (
        "UTC [9] PANIC:  could not locate a valid checkpoint record\n"
        "UTC [12] FATAL:  the database system is starting up\n"
        "UTC [8] LOG:  startup process (PID 9) was terminated by signal 6: Aborted\n"
        "UTC [8] LOG:  aborting startup due to startup process failure\n",
        "could not locate a valid checkpoint record",
    ),
    (
        "sh: 1: /x/initdb: Permission denied\ninitdb: removing data directory\n",
        "sh: 1: /x/initdb: Permission denied",
    ),
    ('initdb: removing data directory "/x"\n', 'initdb: removing data directory "/x"'),
    ("", "it gave no reason"),
)


class CauseTests(SimpleTestCase):
    def test_it_is_told_and_not_the_last_line(self):
        for output, cause in CASES:
            with self.subTest(cause):
                self.assertEqual(telling_line(output), cause)
