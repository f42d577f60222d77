"""Reads a catalogue of translations as it is written."""

import ast
import re
from dataclasses import dataclass, field

_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?) )?(".*")')


@dataclass
class Entry:
    """One sentence: under its context, what it is in the source and in each form."""

    flags: str = ""
    is_obsolete: bool = False
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def key(self):
        return tuple(self.parts.get(name) for name in ("msgctxt", "msgid", "msgid_plural"))

    @property
    def forms(self):
        return [text for name, text in self.parts.items() if name.startswith("msgstr")]


def read(path):
    """Give the sentences of a catalogue, without its head."""
    entries = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        entry, name = Entry(), ""
        for line in block.splitlines():
            entry.is_obsolete |= line.startswith("#~")
            if line.startswith("#,"):
                entry.flags += line
            if found := _LINE.fullmatch(line):
                name = found[1] or name
                entry.parts[name] = entry.parts.get(name, "") + ast.literal_eval(found[2])
        if entry.is_obsolete or entry.parts.get("msgid"):
            entries.append(entry)
    return entries
