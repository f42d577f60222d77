"""A browser as far as a measurement needs one: one connection, cookies, the form's token."""

import http.client
import re
import time
from collections import namedtuple
from http.cookies import SimpleCookie
from urllib.parse import urlencode

Answer = namedtuple("Answer", "status headers body seconds")


class Visitor:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookies = {}
        self.token = ""

    def get(self, path, **headers):
        return self._request("GET", path, None, headers)

    def post(self, path, **fields):
        """Post a form, with the token of the page that was read last."""
        body = urlencode({"csrfmiddlewaretoken": self.token} | fields)
        return self._request(
            "POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"}
        )

    def open(self, path):
        """Read a page with a form, and keep the form's token."""
        answer = self.get(path)
        self.token = re.search(rb'csrfmiddlewaretoken" value="(\w+)"', answer.body)[1].decode()
        return answer

    def forget(self):
        """Be a new visitor, who has only read the form."""
        self.cookies = {name: value for name, value in self.cookies.items() if "csrf" in name}

    def close(self):
        self.connection.close()

    def _request(self, method, path, body, headers):
        if self.cookies:
            pairs = (f"{name}={value}" for name, value in self.cookies.items())
            headers = headers | {"Cookie": "; ".join(pairs)}
        began = time.perf_counter()
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - began
        for line in response.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: each.value for name, each in SimpleCookie(line).items()}
        return Answer(response.status, response.headers, content, seconds)


def bytes_on_the_wire(answer):
    """Count the body as it came, compressed or not, and the headers."""
    headers = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    return len(answer.body) + headers + len("HTTP/1.1 200 OK\r\n\r\n")
