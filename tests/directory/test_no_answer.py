"""The directory is down, silent, crowded or not itself: nobody waits, nothing goes in clear."""

import contextlib
import socket
import threading

from django.conf import settings
from django.test import Client, TestCase, override_settings

from accounts import directory
from tests.directory.test_directory import AWAY, CHANGE, WRONG, Directory, a_silent_port
from tests.support import cast
from tests.support.cast import NEW_PASSWORD, PASSWORD
from tests.support.programs import slapd
from tests.support.waiting import PATIENCE


def a_port_that_says(case, answer):
    """Give the port of a server that answers the first question so, and then says no more."""
    server = socket.create_server(("127.0.0.1", 0))
    case.addCleanup(server.close)

    def serve():
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            case.addCleanup(connection.close)
            connection.recv(1024)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


class AwayTests(Directory, TestCase):
    """DS-04: the directory is down, silent or not itself."""

    def assert_away(self, name="an"):
        r = self.log_in(name)

        self.assertContains(r, AWAY)
        self.assertNotContains(r, WRONG)
        self.assertEqual(self.failures(name), 0)

    def test_a_log_in_says_that_the_server_is_away(self):
        self.server.stop()

        self.assert_away()
        self.assert_away("khong.co")

        self.server.start()
        directory.ask_again()
        self.assertRedirects(self.log_in(), "/")

    def test_a_silent_server_is_not_waited_for(self):
        port = a_silent_port(self)
        for address in (
            f"ldap://127.0.0.1:{port}",
            f"ldap://{slapd.BY_ANOTHER_NAME}:{port}",
            f"ldaps://127.0.0.1:{port}",
        ):
            with self.subTest(address):
                self.use(DIRECTORY=address, DIRECTORY_TIMEOUTS=(0.2, 0.2))

                self.assert_away()

    def test_no_tls_is_no_way_to_another_machine(self):
        for name, answer in (
            ("it will not", "300c0201017807 0a0102 0400 0400"),
            ("it will, and is silent then", "300c0201017807 0a0100 0400 0400"),
            ("it will, and has something to add", "300c0201017807 0a0100 0400 0400 3000"),
            ("it is no directory", "48545450"),
        ):
            with self.subTest(name):
                port = a_port_that_says(self, bytes.fromhex(answer))
                address = f"ldap://{slapd.BY_ANOTHER_NAME}:{port}"
                self.use(DIRECTORY=address, DIRECTORY_TIMEOUTS=(0.3, 0.3))

                self.assert_away()

    def test_after_some_failures_nobody_waits_at_all(self):
        port = a_silent_port(self)
        self.use(DIRECTORY=f"ldap://127.0.0.1:{port}", DIRECTORY_TIMEOUTS=(0.1, 0.1))
        for _ in range(directory.FAILURES):
            self.log_in()

        with override_settings(DIRECTORY=self.server.settings()["DIRECTORY"]):
            self.assert_away()
            directory.ask_again()
            self.assertRedirects(self.log_in(), "/")

    def test_a_certificate_of_nobody_s_is_refused(self):
        other = slapd.certificates_elsewhere(self)
        for address in (
            f"ldaps://127.0.0.1:{self.server.tls_port}",
            f"ldap://{slapd.BY_ANOTHER_NAME}:{self.server.port}",
        ):
            with self.subTest(address):
                self.use(DIRECTORY=address, DIRECTORY_CA_FILE=other)

                self.assert_away()

    def test_a_certificate_of_another_host_is_refused(self):
        self.use(DIRECTORY=f"ldaps://localhost:{self.server.tls_port}")

        self.assert_away()

    def test_the_right_certificate_opens(self):
        for address in (
            f"ldaps://127.0.0.1:{self.server.tls_port}",
            f"ldap://{slapd.BY_ANOTHER_NAME}:{self.server.port}",
        ):
            with self.subTest(address):
                self.use(DIRECTORY=address)

                self.assertRedirects(self.log_in(client=Client()), "/")

    def test_to_another_machine_nothing_goes_in_clear(self):
        self.use(DIRECTORY=f"ldap://{slapd.BY_ANOTHER_NAME}:{self.server.port}")
        self.server.stop()
        self.server.start("stats")
        self.log_in()
        self.server.stop()

        said = self.server.said()
        self.assertLess(said.index("TLS established"), said.index("BIND dn="))

    def test_a_wrong_password_of_the_portal_s_own_is_not_the_person_s(self):
        self.use(DIRECTORY_BIND_PASSWORD="geheim-other")

        self.assert_away()

    def test_staff_with_a_password_here_come_in_meanwhile(self):
        cast.make("it")
        self.server.stop()

        self.assertRedirects(self.log_in("it"), "/")

    def test_a_wrong_guess_at_a_password_here_counts_meanwhile(self):
        cast.make("it")
        self.server.stop()

        self.assertContains(self.log_in("it", "Sai-mat-khau-8"), AWAY)

        self.assertEqual(self.failures("it"), 1)

    def test_a_password_asked_for_again_says_so_too(self):
        self.log_in()
        self.server.stop()

        r = self.client.post(
            CHANGE,
            {"password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
        )

        self.assertContains(r, AWAY)


class CrowdTests(Directory, TestCase):
    def test_only_so_many_wait_for_it_at_once(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        silent.settimeout(PATIENCE)
        self.use(DIRECTORY=f"ldap://127.0.0.1:{silent.getsockname()[1]}", DIRECTORY_QUEUE=0)

        def ask():
            with contextlib.suppress(directory.NoAnswer):
                directory.opens("an@hagiang.gov.vn", PASSWORD)

        crowd = [threading.Thread(target=ask) for _ in range(settings.DIRECTORY_AT_ONCE)]
        for thread in crowd:
            thread.start()
        waiting = [silent.accept()[0] for _ in crowd]

        with self.assertRaises(directory.NoAnswer):
            directory.opens("an@hagiang.gov.vn", PASSWORD)

        # It was not even asked.
        silent.setblocking(False)
        with self.assertRaises(BlockingIOError):
            silent.accept()
        silent.close()
        for connection_ in waiting:
            connection_.close()
        for thread in crowd:
            thread.join()
