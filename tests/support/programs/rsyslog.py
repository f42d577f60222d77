"""A syslog server of the tests' own: Debian's rsyslog, by TLS alone, into a file of JSON lines."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil

from tests.support.programs.output import Output
from tests.support.programs.ports import free_port
from tests.support.programs.slapd import make_certificates
from tests.support.waiting import wait_for, wait_for_end

_SET_UP = """
global(workDirectory="{home}" maxMessageSize="16k" net.enableDNS="off"
  defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{home}/ca.pem"
  defaultNetstreamDriverCertFile="{home}/server.pem"
  defaultNetstreamDriverKeyFile="{home}/server.key")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1"
  StreamDriver.AuthMode="{auth}")
template(name="kept" type="string" string="%pri% %hostname% %app-name% %msgid% %msg%\\n")
ruleset(name="kept") {{ action(type="omfile" file="{home}/kept" template="kept" sync="on") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="kept")
"""


class Rsyslog:
    """What it has taken stays in its file, whether it is killed or ends."""

    def __init__(self, *, asks_for_certificate=False):
        self._folder = tempfile.TemporaryDirectory(prefix="mailportal-rsyslog-")
        self.home = Path(self._folder.name)
        self.port = free_port()
        self.auth = "x509/certvalid" if asks_for_certificate else "anon"
        make_certificates(self.home)
        self.start()

    def start(self):
        set_up = self.home / "rsyslog.conf"
        set_up.write_text(_SET_UP.format(home=self.home, port=self.port, auth=self.auth))
        self._output = Output()
        self.process = subprocess.Popen(
            ["rsyslogd", "-n", "-f", str(set_up), "-i", str(self.home / "pid")],
            stdout=self._output,
            stderr=self._output,
            env={**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"},
        )
        wait_for(self._is_open, "rsyslogd to listen", log=self._output.text)

    def settings(self):
        return {
            "AUDIT_SYSLOG": f"127.0.0.1:{self.port}",
            "AUDIT_SYSLOG_CA": str(self.home / "ca.pem"),
        }

    def client_certificate(self):
        return {
            "AUDIT_SYSLOG_CERT": str(self.home / "server.pem"),
            "AUDIT_SYSLOG_KEY": str(self.home / "server.key"),
        }

    def kept(self):
        """Give what it has taken: priority, host, program, message id, and the row."""
        file = self.home / "kept"
        text = file.read_text() if file.exists() else ""
        # Behind the last end of a line is one that is being written.
        lines = text[: text.rfind("\n") + 1].splitlines()
        found = [re.fullmatch(r"(\d+) (\S+) (\S+) (\S+) ?(.*)", line) for line in lines]
        return [(*each.groups()[:4], json.loads(each[5])) for each in found]

    def forget(self):
        """Begin a new file, which is empty; what is under way is taken first."""
        self.kill()
        (self.home / "kept").unlink(missing_ok=True)
        self.start()

    def has_unread(self):
        """Say whether a connection holds what the server has not read."""
        return any(
            line.split()[1].endswith(f":{self.port:04X}") and int(line.split()[4][9:], 16)
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        )

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        stopped = psutil.STATUS_STOPPED
        wait_for(lambda: psutil.Process(self.process.pid).status() == stopped, "rsyslogd to stop")

    def kill(self):
        self.process.kill()
        wait_for_end(self.process, "rsyslogd")
        self._output.close()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        self._folder.cleanup()

    def _is_open(self):
        assert self.process.poll() is None, self._output.text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
