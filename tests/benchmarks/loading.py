"""Measures what it costs to load, mark and list 50,000 accounts, as IT does it by the pages:

    python -m tests.benchmarks.loading

It works on a copy of the portal, with a database of its own, in a directory that it removes.
"""

import http.client
import io
import os
import re
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from tests.benchmarks.budgets import leave, note, say
from tests.benchmarks.portal import Portal, descendants

LONGEST = 1500  # seconds for everything
ACCOUNTS = 50_000
SECONDS = 180
MEMORY = 1024  # MiB, of the largest process
LIST = "/quan-tri/accounts/account/"
HASH = (
    "{SHA512-CRYPT}$6$kMaOJiNNVsXIhvEh$t4RL2U1.7E6gQq7DvsAkfy4qshFxQ7FN25bq5CZMOvE0hJPutN62w4nLgef/"
    "iyeUm9bUstnWenqyI62wBPjYY1"
)


def main():
    signal.alarm(LONGEST)
    with tempfile.TemporaryDirectory(prefix="mailportal-loading-") as directory:
        portal = Portal(Path(directory))
        try:
            portal.start()
            set_up_django(portal)
            staff = Staff(portal)
            load(portal, staff, "CSV", ".csv", rows(""))
            load(portal, staff, "XLSX", ".xlsx", rows(" II"))
            export(staff)
            mark(portal, staff)
        finally:
            leave(portal)


def set_up_django(portal):
    os.environ.clear()
    os.environ.update(portal.environment, DJANGO_SETTINGS_MODULE="mailportal.settings")
    os.chdir(portal.home)
    sys.path.insert(0, str(portal.home))
    import django

    django.setup()


def rows(suffix):
    for n in range(ACCOUNTS):
        yield [
            *(f"nguoi.thu.{n}", f"Nguyễn Thị Số {n}{suffix}", "cá nhân"),
            *(f"Sở thứ {n % 30}/Phòng {n % 7}", f"09{12_000_000 + n}", "0", HASH),
        ]


class Staff:
    """The demonstration's IT, logged in with the second factor."""

    def __init__(self, portal):
        self.port, self.cookies = portal.port, {}
        self.post("/dang-nhap/", username="it", password="Ruong-bac-thang-7")
        from django_otp.oath import TOTP
        from django_otp.plugins.otp_totp.models import TOTPDevice

        from accounts.models import Account

        device = TOTPDevice.objects.filter(user__address__startswith="it@").first()
        assert Account.objects.get(pk=device.user_id).has_perm("accounts.import_accounts")
        token = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift).token()
        answer = self.post("/dang-nhap/yeu-to-thu-hai/", token=f"{token:06d}")
        assert answer.status == 302, answer.status

    def send(self, method, page, body=None, kind=""):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {
            "Cookie": cookies,
            "Content-Type": kind,
            "Origin": f"http://127.0.0.1:{self.port}",
        }
        headers["Host"] = f"127.0.0.1:{self.port}"
        connection.request(method, page, body, headers)
        answer = connection.getresponse()
        answer.content = answer.read()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer

    def token(self, page):
        text = self.send("GET", page).content.decode()
        return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text).group(1)

    def post(self, page, **fields):
        fields = {"csrfmiddlewaretoken": self.token(page), **fields}
        return self.send("POST", page, urlencode(fields), "application/x-www-form-urlencoded")

    def upload(self, page, name, content):
        mark = "a-line-between"
        parts = [("csrfmiddlewaretoken", self.token(page)), ("add_units", "on")]
        body = io.BytesIO()
        for field, value in parts:
            head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            body.write(head.encode())
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body.write(head.encode() + content + f"\r\n--{mark}--\r\n".encode())
        return self.send("POST", page, body.getvalue(), f"multipart/form-data; boundary={mark}")


class Largest:
    """The most memory that any one process of the portal takes meanwhile."""

    def __init__(self, portal):
        self.portal, self.mib, self._done = portal, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._done.set()
        self._thread.join()

    def _watch(self):
        while not self._done.wait(0.1):
            for process in descendants(self.portal.process.pid):
                with suppress(OSError, AttributeError):
                    text = Path(f"/proc/{process}/status").read_text()
                    self.mib = max(self.mib, int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) >> 10)


def wait_for(staff, page):
    """Wait until the job on a page rests, and give the page."""
    while "Refresh" in (answer := staff.send("GET", page)).headers:
        time.sleep(0.5)
    return answer.content.decode()


def load(portal, staff, what, ending, lines):
    from accounts.loading.columns import COLUMNS
    from accounts.spreadsheets import writing

    header = list(COLUMNS)
    if ending == ".csv":
        content = b"".join(writing.write_csv(header, lines))
    else:
        content = writing.xlsx_response("a", header, lines).content
    note(f"{what}: {len(content) / 2**20:.1f} MiB")
    with Largest(portal) as largest:
        began = time.monotonic()
        answer = staff.upload(f"{LIST}nap/", f"a{ending}", content)
        uploaded = time.monotonic()
        page = answer.headers["Location"]
        text = wait_for(staff, page)
        checked = time.monotonic()
        assert 'name="confirm"' in text, text[-3000:]
        staff.post(page, confirm="1")
        text = wait_for(staff, page)
        done = time.monotonic()
        assert "đã xong" in text, text[-3000:]
    note(
        f"{what}: request {uploaded - began:.1f} s, tried out {checked - uploaded:.1f} s,"
        f" taken in {done - checked:.1f} s"
    )
    total = done - began
    say(
        f"{ACCOUNTS} accounts from {what}", f"{total:.0f} s", f"{SECONDS} s", within=total < SECONDS
    )
    say(
        f"largest process meanwhile ({what}), RSS",
        f"{largest.mib} MiB",
        f"{MEMORY} MiB",
        within=largest.mib < MEMORY,
    )


def export(staff):
    began = time.monotonic()
    answer = staff.post(LIST, action="export_csv", select_across="1", _selected_action="1")
    seconds = time.monotonic() - began
    assert "attachment" in answer.headers["Content-Disposition"]
    say("everybody as CSV", f"{seconds:.1f} s", "30 s", within=seconds < 30)


def mark(portal, staff):
    with Largest(portal) as largest:
        began = time.monotonic()
        answer = staff.post(LIST, action="lock_chosen", select_across="1", _selected_action="1")
        asked = time.monotonic()
        page = answer.headers["Location"]
        staff.post(page, confirm="1")
        text = wait_for(staff, page)
        done = time.monotonic()
        assert "đã xong" in text, text[-3000:]
    say("to choose everybody", f"{asked - began:.1f} s", "30 s", within=asked - began < 30)
    note(f"{ACCOUNTS} accounts locked in {done - asked:.0f} s; largest process {largest.mib} MiB")


if __name__ == "__main__":
    main()
