"""Forms of pages, as a browser fills them in and sends them."""

import re
from html import unescape


class Page:
    """A page as a browser shows it, with what is typed into it."""

    def __init__(self, client, path, *, html=None, form=r'id="\w+_form"|class="form"'):
        self.client, self.path, self.form = client, path, form
        self.read(html or client.get(path).content.decode())

    def read(self, html):
        start = re.search(rf"<form [^>]*({self.form})", html).start()
        form = html[start : html.index("</form>", start)]
        self.action = re.match(r'<form [^>]*action="([^"]+)"', form)
        self.fields = {}
        for tag in re.findall(r"<input [^>]*>", form):
            attrs = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
            kind, name = attrs.get("type"), attrs.get("name")
            if not name or kind in ("submit", "button"):
                continue
            if kind == "checkbox" and not re.search(r"\bchecked\b", tag):
                continue
            self.fields[name] = unescape(attrs.get("value", "on" if kind == "checkbox" else ""))
        selects = re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL)
        for name, options in selects:
            chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
            self.fields[name] = unescape(chosen[1]) if chosen else ""
        for name, text in re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
            self.fields[name] = unescape(text).removeprefix("\n")

    def save(self, *without, **typed):
        """Send what the page holds with what was typed; keep what is shown then."""
        self.fields |= {name.replace("__", "-"): value for name, value in typed.items()}
        for name in without:
            self.fields.pop(name)
        r = self.client.post(self.action[1] if self.action else self.path, self.fields)
        if r.status_code == 200:
            self.read(r.content.decode())
        return r


def drawn_from(client, path):
    """Give the hidden field that says what the page at `path` was drawn from, where it has one."""
    html = client.get(path).content.decode()
    found = re.search(r'name="drawn_from" value="([^"]*)"', html)
    return {"drawn_from": unescape(found[1])} if found else {}
