"""The portal in a real browser, as a person meets it: where to go, what to press, what is seen."""

import asyncio
import atexit
import functools
import inspect
import json
import re
import shutil
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.test import LiveServerTestCase, override_settings
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.async_api import async_playwright, expect

from tests.support import cast

NARROW, WIDE = 360, 1280  # CSS pixels: a cheap phone, an office PC
HEIGHT = 740
PATIENCE = 30  # seconds for the browser to do what it must, on a busy machine

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    # Nothing but this machine can be reached, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


class Plain:
    """An asynchronous object of Playwright that is called plainly.

    It lives on a thread of its own. Playwright's own synchronous face would put an event loop into
    the thread of the tests, where Django then refuses to ask the database.
    """

    def __init__(self, bare):
        self.bare = bare

    def __getattr__(self, name):
        found = getattr(self.bare, name)
        if not callable(found):
            return _plain(found)

        def call(*args, **kwargs):
            return at_once(found, *args, **kwargs)

        return call


def at_once(function, *args, **kwargs):
    """Call an asynchronous function on Playwright's thread, and give its result."""

    async def call():
        result = function(*map(_bare, args), **kwargs)
        return await result if inspect.isawaitable(result) else result

    return _plain(asyncio.run_coroutine_threadsafe(call(), _loop()).result(2 * PATIENCE))


def check(locator):
    """Give Playwright's patient assertions about what a locator finds."""
    return Plain(expect(locator.bare))


@functools.cache
def _loop():
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _plain(value):
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return Plain(value) if type(value).__module__.startswith("playwright.") else value


def _bare(value):
    return value.bare if isinstance(value, Plain) else value


@functools.cache
def playwright():
    manager = async_playwright()
    started = at_once(manager.start)
    atexit.register(at_once, started.bare.stop)
    return started


@functools.cache
def browser():
    """Start the one browser of all tests."""
    expect.set_options(timeout=PATIENCE * 1000)
    started = playwright().chromium.launch(**how_to_start())
    atexit.register(started.close)
    return started


def how_to_start(program="chromium-headless-shell"):
    # The same engine without windows takes half the time, where it is there. It has no preferences.
    program = shutil.which(program) or shutil.which("chromium")
    return {
        "executable_path": program,
        "args": [*ARGUMENTS],
    }


@pytest.mark.program("chromium")
class BrowserTestCase(cast.Cast, LiveServerTestCase):
    """A portal that listens, its people, and one person's browser.

    Every test ends with two questions: did the console complain (a broken script, a violation of
    the CSP), and did a page ask for anything from another host (HD-07)?
    """

    # The portal serves its static files itself, as in a deployment, with its own headers.
    static_handler = staticmethod(lambda _: WSGIHandler())
    width = NARROW
    java_script = True

    def setUp(self):
        self.set_up_people()
        self.enterContext(override_settings(PUBLIC_BASE_URL=self.live_server_url))
        Path(settings.SMS_FILE).unlink(missing_ok=True)
        self.complaints = []
        self.strange_requests = []
        self.context = self.open_context()
        self.page = self.context.new_page()

    def open_context(self, **options):
        """Give a browser that remembers nothing: another person's, or another machine's."""
        options = {
            "viewport": {"width": self.width, "height": HEIGHT},
            "java_script_enabled": self.java_script,
            "locale": "vi-VN",
            "base_url": self.live_server_url,
        } | options
        context = browser().new_context(**options)
        self.watch(context)
        return context

    def watch(self, context):
        context.set_default_timeout(PATIENCE * 1000)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._look_where_to)
        self.addCleanup(self._close, context)

    def _close(self, context):
        context.close()
        found = {"complaints": self.complaints, "strange requests": self.strange_requests}
        self.assertEqual(found, {"complaints": [], "strange requests": []})

    def _hear(self, message):
        # A page that answers 404 is a complaint to Chromium; a style sheet that does is one to us.
        own_status = message.text.startswith("Failed to load resource: the server responded with")
        if own_status and "/static/" not in message.location["url"]:
            return
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _look_where_to(self, request):
        if not request.url.startswith((f"{self.live_server_url}/", "data:")):
            self.strange_requests.append(request.url)

    # What a person does

    def go(self, path):
        return self.page.goto(path)

    def fill(self, label, text):
        self.page.get_by_label(label, exact=True).fill(text)

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name):
        self.button(name).click()

    def follow(self, name):
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def ask_in_browser(self, address="an"):
        self.go(cast.ASK)
        self.fill("Địa chỉ thư điện tử công vụ", address)
        self.press("Tiếp tục")
        self.is_at(cast.CODE)

    def enter_code(self, code):
        self.fill("Mã xác thực", code)
        self.press("Xác thực")

    def show_second_factor(self, account):
        """Pass the second door with the code of a device made for this test."""
        device = TOTPDevice.objects.get_or_create(user=account)[0]
        totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
        self.go("/quan-tri/")
        self.fill("Mã xác thực hoặc mã dự phòng", f"{totp.token():06d}")
        self.press("Xác thực")
        self.is_at("/quan-tri/")

    def log_in_in_browser(self, name="an", password=cast.PASSWORD, *, then="/"):
        self.go(cast.LOGIN)
        self.fill("Tên đăng nhập", name)
        self.fill("Mật khẩu", password)
        self.press("Đăng nhập")
        self.is_at(then)
        cast.forget_told_of_devices()

    # What a person sees

    def is_at(self, path):
        self.page.wait_for_url(re.compile(re.escape(self.live_server_url + path) + r"(\?.*)?$"))

    def sees(self, text):
        check(self.page.locator("body")).to_contain_text(text)

    def sees_nothing_of(self, text):
        check(self.page.locator("body")).not_to_contain_text(text)

    def heading(self, text):
        check(self.page.locator("h1")).to_have_text(text)

    # What reaches the phone

    def texts(self):
        """Send what waits, as the sender does, and read everything that has reached a phone."""
        call_command("deliver_messages", "--once")
        file = Path(settings.SMS_FILE)
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def code_on_the_phone(self, number):
        """Read the newest code that has reached a number."""
        texts = [text["text"] for text in self.texts() if text["to"] == number]
        return cast.code_in(texts[-1])
