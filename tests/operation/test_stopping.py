"""A web process that stops leaves its port at once, and ends what has come."""

import socket

from django.test import SimpleTestCase

from tests.support.programs.deployment import HOST, Server
from tests.support.waiting import PATIENCE, wait_for

HEAD = (
    f"POST /dang-nhap/ HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-For: 198.51.100.7\r\n"
    "X-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: 3\r\n\r\n"
)


class StoppingTests(SimpleTestCase):
    databases = {"default"}  # only its address is read

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.end)

    def connect(self):
        line = socket.create_connection(("127.0.0.1", self.server.port), timeout=PATIENCE)
        self.addCleanup(line.close)
        return line

    def is_closed(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.server.port)) != 0

    def test_the_port_is_closed_while_a_request_is_still_under_way(self):
        self.assertEqual(self.server.request("GET", "/healthz").status, 200)
        lines = [self.connect() for _ in range(3)]
        for line in lines:
            line.sendall(HEAD.encode() + b"a=")
        self.server.process.terminate()

        wait_for(self.is_closed, "the port to be closed", log=self.server.log)

        self.assertIsNone(self.server.process.poll())
        for line in lines:
            line.sendall(b"1")
            # A form without its token: it was read to its end.
            self.assertIn(b" 403 ", line.recv(100))
