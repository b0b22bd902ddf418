"""Pictures of the page over the articles that ship: `python tests/ui/screenshots.py [OUTDIR]`.

Without OUTDIR it makes the pictures of the README, in docs/; with it, every moment of every view,
`{light,dark,phone}-{start,answer,preview,source,context,silent}.png`. Needs Playwright and Chromium (CHROMIUM_PATH,
/usr/bin/chromium, or one on the PATH). The type is that of the machine: the page brings no fonts.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
VIEWS = {"light": ("/", 1280, 800), "dark": ("/?__theme=dark", 1280, 800), "phone": ("/", 375, 720)}
IN_README = ("light-source", "dark-silent", "phone-answer")


def moments(page: Any, url: str) -> Iterator[str]:
    """Uses the page as a reader would; yields the name of each moment when it is on the screen."""

    def answers(count: int) -> None:
        page.wait_for_function("count => document.querySelectorAll('#chat .answer').length === count", arg=count)

    page.goto(url)
    page.wait_for_selector("#question textarea")
    yield "start"
    page.locator(".chip").first.click()
    answers(1)
    yield "answer"
    if page.viewport_size["width"] > 800:
        page.locator(".cite").nth(1).hover()
        page.wait_for_selector("#preview:not([hidden])")
        yield "preview"
    page.locator(".cite").first.click()
    page.wait_for_selector("#source mark.focus")
    yield "source"
    page.keyboard.press("Escape")
    page.wait_for_function("!document.documentElement.classList.contains('source-open')")
    page.locator(".unfold").first.click()
    page.wait_for_selector(".around")
    yield "context"
    page.fill("#question textarea", "Who won the chess championship in Iceland?")
    page.keyboard.press("Enter")
    answers(2)
    yield "silent"


def main() -> None:
    """Indexes the seeds in a folder of its own, serves them, and takes the pictures."""
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    sys.path.insert(0, str(ROOT))
    from playwright.sync_api import sync_playwright

    from rag.pipeline import open_engine
    from ui.app import launch

    out = Path(sys.argv[1]) if len(sys.argv) == 2 else ROOT / "docs"
    out.mkdir(parents=True, exist_ok=True)
    places = (os.environ.get("CHROMIUM_PATH"), "/usr/bin/chromium", *map(shutil.which, ("chromium", "google-chrome")))
    chromium = next((place for place in places if place and Path(place).is_file()), None)
    if chromium is None:
        sys.exit("no Chromium found: set CHROMIUM_PATH to one")
    taken = 0
    with (
        tempfile.TemporaryDirectory() as index,
        open_engine(Path(index), ROOT / "seeds") as engine,
        launch(engine, port=0, block=False) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name, (path, width, height) in VIEWS.items():
            viewport = {"width": width, "height": height}
            page = browser.new_page(viewport=viewport, device_scale_factor=1.5, reduced_motion="reduce")
            for moment in moments(page, app.url + path):
                if len(sys.argv) == 2 or f"{name}-{moment}" in IN_README:
                    page.screenshot(path=out / f"{name}-{moment}.png")
                    taken += 1
            page.close()
        browser.close()
    print(f"{taken} pictures in {out}")


if __name__ == "__main__":
    main()
