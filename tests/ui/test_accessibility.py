"""The page as axe-core and the eye see it: light, dark and phone; an answer, none, and an open source.

axe-core (npm) is no part of this project: AXE_PATH names its axe.min.js, or it lies in node_modules.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
QUESTION = "When does the harbour close?"
UNKNOWN = "Did anyone photograph unicorns, dragons, mermaids, griffins near harbour buildings yesterday?"
CONTRAST = """node => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (at) => parse(getComputedStyle(at).backgroundColor)[3] === 0 ? ground(at.parentElement) : at;
  const [ink, paper] = [getComputedStyle(node).color, getComputedStyle(ground(node)).backgroundColor];
  const pair = [light(parse(ink)), light(parse(paper))];
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""
PAIRS = [
    *[(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("paper", "side", "raised")],
    ("ink", "mark"),
    ("ink", "mark-light"),
    ("accent", "mark-light"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
]
LAYOUTS = {"light": ("/", 1280, 800), "dark": ("/?__theme=dark", 1280, 800), "phone": ("/", 375, 700)}
# What axe calls minor or moderate is left to judgement.
PROBLEMS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, impact, nodes }) => nodes.map((node) => `${impact} ${id}: ${node.html} (${node.failureSummary})`));
}"""


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core; skipped without it, and failed without it under CITEWELL_REQUIRE_BROWSER=1."""
    named = os.environ.get("AXE_PATH")
    places = [Path(named)] if named else [ROOT / "node_modules/axe-core/axe.min.js"]
    script = next((place for place in places if place.is_file()), None)
    if script is None:
        reason = "axe-core is not there: npm install --no-save axe-core, or set AXE_PATH to its axe.min.js"
        if os.environ.get("CITEWELL_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return script.read_text(encoding="utf-8")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_axe_finds_no_serious_problem(page_url, open_page, axe, layout):
    query, width, height = LAYOUTS[layout]
    watched = open_page(page_url, width=width, height=height)
    page = watched.page
    page.goto(page_url + query)
    page.wait_for_selector("#question textarea")
    page.evaluate(axe)
    found = {"empty": page.evaluate(PROBLEMS)}
    watched.ask(QUESTION)
    page.locator(".unfold").first.click()
    page.locator(".around").first.wait_for()
    page.locator(".also summary").first.click()
    found["answer"] = page.evaluate(PROBLEMS)
    assert page.locator("#chat .message-row [role=group]").evaluate_all(
        "nodes => nodes.map(node => node.getAttribute('aria-label'))"
    ) == ["Your question", "The answer"]
    page.locator(".quote .cite").first.click()
    page.locator("#source mark.cited").first.wait_for()
    if width > 800:
        page.locator(".quote .cite").last.hover()
        page.locator("#preview:not([hidden])").wait_for()
    found["source and preview"] = page.evaluate(PROBLEMS)
    page.keyboard.press("Escape")  # the preview, where there is one
    page.keyboard.press("Escape")
    watched.ask(UNKNOWN, answers=2)
    found["no answer"] = page.evaluate(PROBLEMS)
    assert {moment: problems for moment, problems in found.items() if problems} == {}


@pytest.mark.parametrize("query", ["/", "/?__theme=dark"])
def test_text_can_be_read_in_light_and_dark(page_url, open_page, query):
    watched = open_page(page_url)
    page = watched.page
    page.goto(page_url + query)
    page.wait_for_selector("#question textarea")
    watched.ask(QUESTION)
    for selector in (
        "#chat blockquote",
        "#chat .where",
        "#chat .asked",
        "#send",
        "#question textarea",
        ".chip",
        ".confidence",
    ):
        ratio = page.locator(selector).first.evaluate(CONTRAST)
        assert ratio >= 4.5, f"{selector}: contrast {ratio:.2f} (WCAG 2.2 asks for 4.5)"
    # The colours by themselves: a mark is painted as an image, whose colour nothing can ask for.
    for ink, ground in PAIRS:
        node = page.evaluate_handle(
            """([ink, ground]) => {
              const node = document.body.appendChild(document.createElement("p"));
              node.style.cssText = `color: var(--cw-${ink}); background-color: var(--cw-${ground})`;
              return node;
            }""",
            [ink, ground],
        )
        ratio = page.evaluate(CONTRAST, node)
        assert ratio >= 4.5, f"{ink} on {ground}: contrast {ratio:.2f}"
