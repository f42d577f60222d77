"""Runs the two images as compose.yaml does, with runc, and says what could be seen. By image.sh."""

import json
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))[-1]
NAME = "matkhau.example.gov.vn"
PATIENCE = 60  # seconds
KINDS = ("bounding", "effective", "permitted")
NO_CAPABILITIES = []
PROXY_CAPABILITIES = ["CAP_CHOWN", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID"]
SENDER, WORKER = (("python", "manage.py", name) for name in ("deliver_messages", "work_jobs"))
SEEN = """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print("uid", os.getuid(), "capabilities", status["CapEff"].strip(), status["CapBnd"].strip(),
      "no new privileges", status["NoNewPrivs"].strip())
for path in ("/opt/mailportal/x", "/etc/x", "/usr/x"):
    try:
        open(path, "w")
        raise SystemExit(f"{path} could be written")
    except OSError as error:
        print(path, error.strerror)
"""


class Container:
    def __init__(self, scratch, name, output):
        self.name = name
        self.program = ("runc", f"--root={scratch / 'runc'}")
        self.process = subprocess.Popen(
            [*self.program, "run", f"--bundle={scratch / name}", name],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
        )

    def does(self, *command):
        """Say whether a command in the container ends well."""
        done = subprocess.run([*self.program, "exec", self.name, *command], check=False)
        return done.returncode == 0

    def end(self, signal="TERM"):
        subprocess.run([*self.program, "kill", self.name, signal], check=False)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            subprocess.run([*self.program, "delete", "--force", self.name], check=False)
            return f"{self.process.wait()}, by force"


class Image:
    """A root file system with the image's own settings, of which containers are started."""

    def __init__(self, scratch, name, capabilities):
        self.scratch, self.name = scratch, name
        whole = json.loads((scratch / f"{name}.json").read_text())
        self.config = whole["Docker"]["config"]
        self.capabilities = capabilities
        self.count = 0

    def start(self, *command, env=(), mounts=(), output=None):
        """Start a container, by the image's own command where none is given."""
        self.count += 1
        bundle = self.scratch / f"{self.name}-{self.count}"
        bundle.mkdir()
        subprocess.run(["runc", "spec"], cwd=bundle, check=True)
        spec = json.loads((bundle / "config.json").read_text())
        uid = int(self.config.get("User") or 0)
        spec["root"] = {"path": str(self.scratch / self.name), "readonly": True}
        spec["process"] |= {
            "terminal": False,
            "user": {"uid": uid, "gid": uid},
            "args": list(command) or self.config["Cmd"],
            "env": [*self.config["Env"], *env],
            "cwd": self.config.get("WorkingDir") or "/",
            "noNewPrivileges": True,
            "capabilities": dict.fromkeys(
                ("bounding", "effective", "permitted"), self.capabilities
            ),
        }
        kept = ("pid", "ipc", "uts", "mount")
        spec["linux"] = {
            "namespaces": [{"type": each} for each in kept],
            "maskedPaths": spec["linux"].get("maskedPaths", []),
            "readonlyPaths": spec["linux"].get("readonlyPaths", []),
        }
        spec["mounts"] = [
            each for each in spec["mounts"] if each["destination"] != "/sys/fs/cgroup"
        ]
        spec["mounts"].append(
            {
                "destination": "/tmp",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["nosuid", "nodev", "mode=1777", "size=64m"],
            }
        )
        for source, destination, mode in mounts:
            spec["mounts"].append(
                {
                    "destination": destination,
                    "type": "bind",
                    "source": str(source),
                    "options": ["bind", mode],
                }
            )
        (bundle / "config.json").write_text(json.dumps(spec))
        return Container(self.scratch, bundle.name, output)

    def run(self, *command, **given):
        if code := self.start(*command, **given).process.wait(PATIENCE):
            raise SystemExit(f"{command} ended with {code}")

    def refuses(self, setting, *command, env):
        """Give the line that names a setting over which the start ends by itself."""
        process = self.start(*command, env=[*env, setting], output=subprocess.PIPE).process
        said = process.communicate(timeout=PATIENCE)[0].decode()
        names = [line for line in said.splitlines() if setting.partition("=")[0] in line]
        if not (process.returncode and names):
            raise SystemExit(f"{setting}: ended with {process.returncode}: {said}")
        return names[-1]


class Database:
    def __init__(self, scratch):
        self.place = scratch / "database"
        self.place.mkdir()
        nobody = pwd.getpwnam("nobody")
        os.chown(self.place, nobody.pw_uid, nobody.pw_gid)
        self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        given = ("--username=mailportal", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self._do("initdb", f"--pgdata={self.place}/data", *given)
        settings = "-c fsync=off -c unix_socket_directories= -c listen_addresses=127.0.0.1"
        self._do(
            *("pg_ctl", "start", "--wait", f"--pgdata={self.place}/data"),
            *(f"--log={self.place}/log", f"--options={settings}"),
        )
        self._do("createdb", "--host=127.0.0.1", "--username=mailportal", "mailportal")

    def _do(self, program, *arguments):
        subprocess.run(
            [BIN / program, *arguments], cwd="/", stdout=subprocess.DEVNULL, check=True, **self.user
        )

    def end(self):
        self._do("pg_ctl", "stop", "--mode=immediate", f"--pgdata={self.place}/data")


def main(scratch):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    shutil.rmtree(scratch / "runc", ignore_errors=True)
    database = Database(scratch)
    running = []
    try:
        rehearse(scratch, running)
    finally:
        for container in running:
            say(container.name, "ended with", container.end())
        database.end()


def rehearse(scratch, running):
    portal = Image(scratch, "portal", NO_CAPABILITIES)
    secret = "0f2b8c6d4e1a97350f2b8c6d4e1a9735-rehearsal-0f2b8c6d"
    env = [
        "DATABASE_URL=postgresql://mailportal_app:rehearsal@127.0.0.1/mailportal",
        f"SECRET_KEY=k{secret}",
        f"OTP_PEPPER=p{secret}",
        f"PUBLIC_BASE_URL=https://{NAME}",
        "PORTAL_PROFILE=hagiang",
        "TRUSTED_PROXY_COUNT=1",
        "LOG_LEVEL=CRITICAL",
        "SMS_GATEWAY=twilio",
        "TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000",
        f"TWILIO_AUTH_TOKEN=t{secret}",
        "TWILIO_MESSAGING_SERVICE_SID=MG00000000000000000000000000000000",
        "EMAIL_URL=submission://a:b@127.0.0.1:587",
    ]
    owner = "DATABASE_OWNER_URL=postgresql://mailportal@127.0.0.1/mailportal"

    say("who it is, and what it may write")
    portal.run("python", "-c", SEEN, env=env)
    say("migrate, as the owner")
    portal.run("python", "manage.py", "migrate", "--noinput", "-v0", env=[*env, owner])
    say("settings that stop the start")
    for setting in ("WEB_CONCURRENCY=many", "PORT=0", "SECRET_KEY=", "ALERT_EMAILS=nobody"):
        say(portal.refuses(setting, env=env))
    say(portal.refuses("SMS_GATEWAY=pigeon", *SENDER, env=env))
    for n in (1, 2):
        running.append(portal.start(env=[*env, f"PORT={8000 + n}"]))
        wait(lambda n=n: fetch(f"http://127.0.0.1:{8000 + n}/healthz")[0] == 200, "web pages")
    say(
        "the image's own look at its health:",
        running[0].does(*portal.config["Healthcheck"]["Test"][1:]),
    )
    for command in (SENDER, WORKER):
        running.append(portal.start(*command, env=env))
    wait(lambda: fetch("http://127.0.0.1:8001/readyz")[0] == 200, "/readyz to be content")
    say("/readyz", fetch("http://127.0.0.1:8001/readyz")[1])
    key = back_up(scratch, portal, [*env, owner])
    serve(scratch, running)
    for container in running:
        say(container.name, "ended with", container.end())
    running.clear()
    put_back(scratch, portal, key, [*env, owner])


def back_up(scratch, portal, env):
    folder = scratch / "backups"
    folder.mkdir()
    os.chown(folder, 10001, 10001)
    key = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    public = next(line.split()[-1] for line in key.splitlines() if "public key" in line)
    say("a backup")
    portal.run(
        *("python", "manage.py", "backup", "/var/backups/mailportal"),
        env=[*env, f"BACKUP_RECIPIENT={public}"],
        mounts=[(folder, "/var/backups/mailportal", "rw")],
    )
    return key


def put_back(scratch, portal, key, env):
    say("the backup is put back")
    (file,) = (scratch / "backups").glob("*.age")
    folder = scratch / "restore"
    folder.mkdir(mode=0o700)
    (folder / file.name).write_bytes(file.read_bytes())
    (folder / "key").write_text(key)
    for path in (folder, *folder.iterdir()):
        os.chown(path, 10001, 10001)
    portal.run(
        *("python", "manage.py", "restore", f"/here/{file.name}"),
        *("--identity", "/here/key", "--replace"),
        env=env,
        mounts=[(folder, "/here", "ro")],
    )


def serve(scratch, running):
    say("TLS by the proxy, and one of the two web containers killed")
    live = scratch / "letsencrypt" / "live" / NAME
    live.mkdir(parents=True)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", f"-subj=/CN={NAME}"),
            *("-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", live / "privkey.pem", "-out", live / "fullchain.pem"),
        ],
        stderr=subprocess.DEVNULL,
        check=True,
    )
    proxy = Image(scratch, "proxy", PROXY_CAPABILITIES)
    env = [f"PORTAL_NAME={NAME}", "WEB=127.0.0.1:8001 127.0.0.1:8002"]
    mounts = [(scratch / "letsencrypt", "/etc/letsencrypt", "ro")]
    running.insert(0, proxy.start(env=env, mounts=mounts))
    context = ssl.create_default_context(cafile=live / "fullchain.pem")
    wait(lambda: page(context) == 200, "the page by TLS")
    running.pop(1).end("KILL")
    answers = [page(context) for _ in range(200)]
    say("200 pages without the one:", {each: answers.count(each) for each in set(answers)})


def page(context):
    request = f"GET /dang-nhap/ HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n"
    try:
        with (
            socket.create_connection(("127.0.0.1", 443), timeout=30) as line,
            context.wrap_socket(line, server_hostname=NAME) as secured,
        ):
            secured.sendall(request.encode())
            return int(secured.makefile("rb").readline().split()[1])
    except OSError as error:
        return str(error)


def fetch(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def wait(condition, what):
    give_up_at = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up_at:
            raise SystemExit(f"waited {PATIENCE} seconds in vain for {what}")
        time.sleep(0.2)


def say(*words):
    print("--", *words, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
