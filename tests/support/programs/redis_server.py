"""A Redis of the tests' own, on loopback; it keeps nothing."""

import socket
import subprocess

from tests.support.programs.output import Output
from tests.support.programs.ports import free_port
from tests.support.waiting import wait_for, wait_for_end


class Redis:
    def __init__(self):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        self._output = Output()
        self.process = subprocess.Popen(
            [
                *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", "/tmp"),
            ],
            stdout=self._output,
            stderr=self._output,
        )
        wait_for(self._is_open, "redis-server to listen", log=self._output.text)

    def _is_open(self):
        assert self.process.poll() is None, self._output.text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        self.process.terminate()
        wait_for_end(self.process, "redis-server", log=self._output.text)
        self._output.close()
