"""What every page must meet, whoever looks at it and however: questions asked in the browser."""

from importlib.resources import files

from tests.support.browser import HEIGHT, NARROW, WIDE

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
EVERYTHING = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
NARROWEST = 320
SMALLEST_TARGET = 24
LIGHT = {"color_scheme": "light", "forced_colors": "none"}
DARK = {"color_scheme": "dark", "forced_colors": "none"}
FORCED = {"color_scheme": "light", "forced_colors": "active"}
# Another scheme changes nothing but the colours, and a wide window shows all that has one.
LOOKS = {
    "light, narrow": (NARROW, LIGHT, EVERYTHING),
    "light": (WIDE, LIGHT, EVERYTHING),
    "dark": (WIDE, DARK, COLOURS),
    "forced colours": (WIDE, FORCED, COLOURS),
}

RUN_AXE = """(rules) => axe.run({ runOnly: rules, resultTypes: ["violations"] }).then((result) =>
  result.violations.map((rule) => rule.id + ": " + rule.nodes.map((node) =>
    node.target + " (" + node.failureSummary.split("\\n").pop().trim() + ")").join(", ")))"""

# Sideways: what reaches over the edge of the window, and what is cut off by its own box.
OVERFLOW = """() => {
  const root = document.scrollingElement;
  const name = (item) => item.tagName.toLowerCase() + "." + item.className;
  const found = root.scrollWidth > root.clientWidth ? ["the page scrolls sideways"] : [];
  for (const item of document.body.querySelectorAll("*")) {
    const box = item.getBoundingClientRect();
    if (!item.checkVisibility() || item.closest(".visually-hidden, svg")) continue;
    if (box.right > root.clientWidth + 1) found.push(name(item) + " reaches over the edge");
    const style = getComputedStyle(item);
    const cut = item.scrollWidth > item.clientWidth + 1
      || item.scrollHeight > item.clientHeight + 1;
    if (cut && style.overflow !== "visible" && item.tagName !== "INPUT")
      found.push(name(item) + " is cut off");
    if (item.tagName === "BUTTON" && item.scrollWidth > item.clientWidth + 1)
      found.push(name(item) + " is too small for its words");
  }
  return found;
}"""

# Links in a sentence may be as low as their line (WCAG 2.5.8, inline).
SMALL_TARGETS = """(smallest) => {
  const inSentence = (link) => getComputedStyle(link).display === "inline"
    && link.parentElement.innerText.trim() !== link.innerText.trim();
  return [...document.querySelectorAll("a[href], button, input")]
    .filter((item) => item.checkVisibility() && !item.closest(".visually-hidden"))
    .filter((item) => !inSentence(item))
    .map((item) => [item, item.getBoundingClientRect()])
    .filter(([, box]) => box.width < smallest || box.height < smallest)
    .map(([item, box]) => `${item.innerText || item.name}: ${box.width}x${box.height}`);
}"""

TWICE_AS_LARGE = "(size) => { document.documentElement.style.fontSize = size; }"

# WCAG 1.4.12, set as a visitor's own style sheet would; the CSP does not look at this door.
SPACED_OUT = """(on) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
    word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }`);
  document.adoptedStyleSheets = on ? [sheet] : [];
}"""

HEADINGS = """() => ({
  title: document.title,
  headings: [...document.querySelectorAll("h1")].map((heading) => heading.innerText),
  failed: Boolean(document.querySelector(".error-summary")),
})"""

# Where the focus is, in words: the box that needs reading, the code's field, or nowhere.
FOCUS = """() => {
  const need = document.querySelector("[role=alert]") || document.querySelector("[autofocus]");
  const has = document.activeElement;
  const name = (item) => !item || item === document.body ? "" : item.className || item.id;
  return { need: name(need), has: name(has) };
}"""

SUMMARY = """() => [...document.querySelectorAll(".error-summary a")].map((link) => {
  const field = document.querySelector(link.hash);
  const described = (field?.getAttribute("aria-describedby") || "").split(" ")
    .map((id) => document.getElementById(id)?.innerText || "").join(" ");
  return {
    sentence: link.innerText,
    invalid: field?.getAttribute("aria-invalid") === "true",
    same: described.includes(link.innerText),
  };
})"""


def faults(page):
    """Name everything that is wrong with the page that stands open; [] is a good page.

    The page is left narrow, and in its light colours.
    """
    return [
        *_wrong_focus(page),
        *_wrong_heading(page),
        *_wrong_summary(page),
        *_found_by_axe(page),
        *_squeezed(page),
    ]


def _wrong_focus(page):
    focus = page.evaluate(FOCUS)
    return [] if focus["need"] == focus["has"] else [f"focus: {focus}"]


def _wrong_heading(page):
    found = page.evaluate(HEADINGS)
    if len(found["headings"]) != 1:
        return [f"headings: {found['headings']}"]
    start = ("Lỗi: " if found["failed"] else "") + found["headings"][0]
    return [] if found["title"].startswith(start) else [f"title: {found['title']}, not {start}"]


def _wrong_summary(page):
    links = page.evaluate(SUMMARY)
    return [f"summary: {link}" for link in links if not (link["invalid"] and link["same"])]


def _found_by_axe(page):
    page.evaluate(AXE)
    found = []
    for look, (width, media, rules) in LOOKS.items():
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(**media)
        found += [f"{look}: {it}" for it in page.evaluate(RUN_AXE, rules)]
    page.emulate_media(**LIGHT)
    return found


def _squeezed(page):
    found = [f"wide: {it}" for it in page.evaluate(OVERFLOW)]
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    page.evaluate(TWICE_AS_LARGE, "200%")
    found += [f"text twice as large: {it}" for it in page.evaluate(OVERFLOW)]
    page.evaluate(TWICE_AS_LARGE, "")
    page.set_viewport_size({"width": NARROWEST, "height": HEIGHT})
    found += [f"narrowest: {it}" for it in page.evaluate(OVERFLOW)]
    found += [f"small target: {it}" for it in page.evaluate(SMALL_TARGETS, SMALLEST_TARGET)]
    page.evaluate(SPACED_OUT, True)
    found += [f"spaced out: {it}" for it in page.evaluate(OVERFLOW)]
    page.evaluate(SPACED_OUT, False)
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    return found
