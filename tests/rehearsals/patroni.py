"""Three PostgreSQL nodes under Debian's Patroni and an etcd, on loopback."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import yaml

from tests.support.programs.ports import free_port

BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))[-1]
PASSWORD = "rehearsal-5d3e9a71"  # of every role; the cluster listens on loopback only
PATIENCE = 180  # seconds

# docs/operate.md shows the same, with the addresses of three machines.
SETTINGS = {
    "ttl": 20,  # seconds without a sign of life, after which the leader is no leader any more
    "loop_wait": 5,
    "retry_timeout": 5,
    # A commit waits for one standby, and only that one may follow a leader that died.
    "synchronous_mode": True,
    "maximum_lag_on_failover": 1_048_576,
    "postgresql": {
        "use_pg_rewind": True,
        "parameters": {"max_connections": 200, "unix_socket_directories": ""},
    },
}
ACCESS = [
    "host all all 127.0.0.1/32 scram-sha-256",
    "host replication replicator 127.0.0.1/32 scram-sha-256",
]


class Node:
    """One PostgreSQL with its Patroni; `kill` ends both as a power cut would."""

    def __init__(self, name, place, etcd):
        self.name, self.place = name, place / name
        self.port, self.api = free_port(), free_port()
        self.place.mkdir(mode=0o700)
        self.settings = self.place / "patroni.yml"
        self.settings.write_text(yaml.safe_dump(self._settings(etcd)), encoding="utf-8")
        self.process = None

    def _settings(self, etcd):
        people = {
            "superuser": {"username": "postgres", "password": PASSWORD},
            "replication": {"username": "replicator", "password": PASSWORD},
        }
        return {
            "scope": "mailportal",
            "name": self.name,
            "restapi": _both("listen", "connect_address", f"127.0.0.1:{self.api}"),
            "etcd3": {"hosts": [etcd]},
            "bootstrap": {
                "dcs": SETTINGS,
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
                "pg_hba": ACCESS,
            },
            "postgresql": _both("listen", "connect_address", f"127.0.0.1:{self.port}")
            | {
                "data_dir": str(self.place / "data"),
                "bin_dir": str(BIN),
                "pgpass": str(self.place / "pgpass"),
                "pg_hba": ACCESS,
                "authentication": people,
            },
        }

    def start(self):
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/patroni", self.settings],
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "HOME": str(self.place)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_as_nobody(),
            )

    def kill(self):
        """Leave no time to say anything: neither Patroni nor PostgreSQL hands anything over."""
        self.process.kill()
        postmaster = int((self.place / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)

    def is_leader(self):
        """Say whether this node is the leader now, as a load balancer asks."""
        return self._answers("/leader")

    def is_in_sync(self):
        return self._answers("/sync")

    def _answers(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api}{path}", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def members(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api}/cluster", timeout=5) as answer:
            return json.load(answer)["members"]


class Cluster:
    """etcd and three nodes, in a directory of their own that goes at the end."""

    def __init__(self):
        self.place = Path(tempfile.mkdtemp(prefix="mailportal-cluster-", dir="/var/tmp"))
        client, peer = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.nodes = [Node(f"node{n}", self.place, client) for n in (1, 2, 3)]
        (self.place / "etcd").mkdir(mode=0o700)
        if user := _as_nobody():
            for path in (self.place, *self.place.rglob("*")):
                os.chown(path, user["user"], user["group"])
        with (self.place / "etcd.log").open("ab") as log:
            self.etcd = subprocess.Popen(
                [
                    *("etcd", f"--data-dir={self.place}/etcd"),
                    f"--listen-client-urls=http://{client}",
                    f"--advertise-client-urls=http://{client}",
                    f"--listen-peer-urls=http://{peer}",
                    f"--initial-advertise-peer-urls=http://{peer}",
                    f"--initial-cluster=default=http://{peer}",
                ],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_as_nobody(),
            )
        for node in self.nodes:
            node.start()

    def url(self, user, database="mailportal"):
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://{user}:{PASSWORD}@{hosts}/{database}"

    def leader(self):
        return next((node for node in self.nodes if node.is_leader()), None)

    def is_whole(self):
        """Say whether there is a leader, one standby that its commits wait for, and a third."""
        leader = self.leader()
        if not leader or not any(node.is_in_sync() for node in self.nodes):
            return False
        return sorted(member["state"] for member in leader.members()) == ["running"] * 3

    def end(self):
        for node in self.nodes:
            node.end()
        self.etcd.terminate()
        self.etcd.wait(PATIENCE)
        shutil.rmtree(self.place)


def wait(condition, what, patience=PATIENCE):
    """Wait for it, and give the seconds that it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > patience:
            raise RuntimeError(f"waited {patience} seconds in vain for {what}")
        time.sleep(0.1)
    return time.monotonic() - began


def _both(one, other, value):
    return {one: value, other: value}


def _as_nobody():
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
