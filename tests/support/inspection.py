"""What every page must meet, whoever looks at it and however: questions asked in the browser."""

from contextlib import suppress
from importlib.resources import files

from tests.support.browser import HEIGHT, NARROW, PATIENCE, WIDE
from tests.support.waiting import wait_for

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
EVERYTHING = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
NARROWEST = 320
SMALLEST_TARGET = 24
LIGHT = {"color_scheme": "light", "forced_colors": "none"}
DARK = {"color_scheme": "dark", "forced_colors": "none"}
FORCED = {"color_scheme": "light", "forced_colors": "active"}
# What depends on where things stand, and not only on what is there.
PLACES = {**COLOURS, "values": [*COLOURS["values"], "target-size", "scrollable-region-focusable"]}
# Another scheme changes nothing but the colours, and a wide window shows all that has one.
SCHEMES = {"dark": DARK, "forced colours": FORCED}

RUN_AXE = """([rules, fresh]) => axe.run(fresh ? { include: window.fresh } : document,
  { runOnly: rules, resultTypes: ["violations"] }).then((result) =>
  result.violations.map((rule) => rule.id + ": " + rule.nodes.map((node) =>
    node.target + " (" + node.failureSummary.split("\\n").pop().trim() + ")").join(", ")))"""

# Whether other parts are shown than when this was asked last.
SHOWS_OTHERS = """() => {
  const before = window.shown;
  window.shown = new Set([...document.querySelectorAll("*")].filter((it) => it.checkVisibility()));
  return !before || before.size !== window.shown.size
    || [...before].some((it) => !window.shown.has(it));
}"""

# The looks, of those not yet known, of what has words or is typed into: all that its contrast comes
# of, which is its own colour and letters, and what each thing that it stands in is painted with.
COLOURED = """(known) => {
  const painted = (style) => [style.backgroundColor, style.backgroundImage, style.opacity,
    style.position, style.filter, style.mixBlendMode].join();
  const plain = "rgba(0, 0, 0, 0),none,1,static,none,normal";
  const besides = (link) => {
    const line = link.closest("p, li, td, th, dd, dt, div, nav, main, body");
    return [getComputedStyle(link.parentElement).color,
      line.textContent.trim() !== link.textContent.trim()];
  };
  const look = (item) => {
    const { color, fontSize, fontWeight, textDecorationLine, textShadow } = getComputedStyle(item);
    const parts = [item.matches(":disabled"), color, fontSize, fontWeight, textDecorationLine,
      textShadow, ...(item.tagName === "A" ? besides(item) : [])];
    for (let at = item; at; at = at.parentElement) {
      const paint = painted(getComputedStyle(at));
      if (paint !== plain) parts.push(paint);
    }
    return parts.join("; ");
  };
  const seen = new Set(known);
  const fresh = new Map();
  for (const item of document.body.querySelectorAll("*")) {
    const words = [...item.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
    if (!item.checkVisibility() || !(words || item.matches("input, select, textarea"))) continue;
    const looks = look(item);
    if (!seen.has(looks) && !fresh.has(looks)) fresh.set(looks, item);
  }
  window.fresh = [...fresh.values()];
  return [...fresh.keys()];
}"""

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
  failure: document.documentElement.lang === "en" ? "Error: " : "Lỗi: ",
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
        *found_by_axe(page),
        *_wrong_colours(page),
        *_squeezed(page),
    ]


def _wrong_focus(page):
    seen = {}

    def is_where_it_is_needed():
        seen.update(page.evaluate(FOCUS))
        return seen["need"] == seen["has"]

    # The words of a page can be seen before the browser, or a script, has set it.
    with suppress(AssertionError):
        wait_for(is_where_it_is_needed, "the focus", patience=PATIENCE)
    return [] if seen["need"] == seen["has"] else [f"focus: {seen}"]


def _wrong_heading(page):
    found = page.evaluate(HEADINGS)
    if len(found["headings"]) != 1:
        return [f"headings: {found['headings']}"]
    start = (found["failure"] if found["failed"] else "") + found["headings"][0]
    return [] if found["title"].startswith(start) else [f"title: {found['title']}, not {start}"]


def _wrong_summary(page):
    links = page.evaluate(SUMMARY)
    return [f"summary: {link}" for link in links if not (link["invalid"] and link["same"])]


def found_by_axe(page):
    """Name what axe finds in a wide and in a narrow window; the page is left narrow."""
    page.evaluate(AXE)
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    page.evaluate(SHOWS_OTHERS)
    found = [f"wide: {it}" for it in page.evaluate(RUN_AXE, [EVERYTHING, False])]
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    rules = EVERYTHING if page.evaluate(SHOWS_OTHERS) else PLACES
    return found + [f"narrow: {it}" for it in page.evaluate(RUN_AXE, [rules, False])]


# The combinations of colours in which axe has found no fault, by scheme.
_good = {name: set() for name in SCHEMES}


def _wrong_colours(page):
    """Try the colours of the other schemes, each combination once for all pages; all are alike."""
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    found = []
    for name, media in SCHEMES.items():
        page.emulate_media(**media)
        fresh = page.evaluate(COLOURED, list(_good[name]))
        faults = page.evaluate(RUN_AXE, [COLOURS, True]) if fresh else []
        if not faults:
            _good[name].update(fresh)
        found += [f"{name}: {it}" for it in faults]
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
