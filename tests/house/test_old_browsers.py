"""What Chrome 79, Safari 12 and Firefox 78 do not know is not used, or has a fall-back."""

import re

from django.conf import settings
from django.test import SimpleTestCase

STATIC = settings.BASE_DIR / "static"
# Written as longhands for left, right, top and bottom; the language runs from left to right.
NEWER_CSS = re.compile(
    r"(?<![\w-])(inset(-\w+)*|(padding|margin|border)-(inline|block)[\w-]*|(max-|min-)?(inline|block)-size"
    r"|aspect-ratio|place-content|place-items):|:(is|where|has)\(|(?<![\w-])clamp\("
)
NEWER_JS = re.compile(
    r"requestSubmit|replaceChildren|replaceAll|structuredClone|allSettled|hasOwn\(|\.at\(|\?\.|\?\?"
    r"|static \{|#\w+ ?=[^=>]"
)
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
FALL_BACK = "@supports not (inset: 0)"
DEMONSTRATION = "demo.js"  # for `make run` alone


class OldBrowserTests(SimpleTestCase):
    def sheets(self):
        for file in sorted(STATIC.glob("*.css")):
            css = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
            yield file.name, css

    def test_style_sheets_use_longhands(self):
        for name, css in self.sheets():
            with self.subTest(name):
                found = NEWER_CSS.findall(css.replace(FALL_BACK, ""))
                self.assertEqual([each[0] for each in found], [])

    def test_boxes_in_a_row_have_a_distance_without_gap(self):
        rows = 0
        for name, css in self.sheets():
            _, _, fall_back = css.partition(FALL_BACK)
            for selectors, body in RULE.findall(css):
                if not re.search(r"(?<![\w-])gap:", body) or "grid" in body:
                    continue
                for selector in selectors.split("{")[-1].split(","):
                    rows += 1
                    with self.subTest(sheet=name, selector=selector.strip()):
                        self.assertIn(f"{selector.strip()} > ", fall_back)
        self.assertGreater(rows, 15)

    def test_scripts_use_what_is_there(self):
        for file in sorted((STATIC / "js").glob("*.js")):
            if file.name != DEMONSTRATION:
                code = re.sub(r"//.*", "", file.read_text(encoding="utf-8"))
                with self.subTest(file.name):
                    self.assertEqual(NEWER_JS.findall(code), [])
