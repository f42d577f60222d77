"""Colours of the style sheet, measured: letters, edges of fields and the ring of the focus."""

import re

from django.conf import settings
from django.test import SimpleTestCase

# What lies on what, and how far apart the two must be (WCAG 1.4.3 and 1.4.11).
PAIRS = [
    *(("ink", ground, 4.5) for ground in ("paper", "ground")),
    *(("quiet", ground, 4.5) for ground in ("paper", "ground")),
    *(("link", ground, 4.5) for ground in ("paper", "ground")),
    *(("on-button", button, 4.5) for button in ("primary", "danger")),
    ("danger-text", "danger-ground", 4.5),
    *(("edge", ground, 3) for ground in ("paper", "ground")),
    *(("focus", ground, 3) for ground in ("paper", "ground")),
]


class ContrastTests(SimpleTestCase):
    def schemes(self):
        css = (settings.BASE_DIR / "static" / "portal.css").read_text(encoding="utf-8")
        light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", light))
        yield "light", colours
        yield "dark", colours | dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", dark))

    def test_everything_stands_out_from_what_it_lies_on(self):
        for scheme, colours in self.schemes():
            for upper, lower, least in PAIRS:
                with self.subTest(scheme, upper=upper, lower=lower):
                    self.assertGreaterEqual(contrast(colours[upper], colours[lower]), least)


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = (int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4))
    linear = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
