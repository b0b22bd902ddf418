"""Pictures of the page over the articles that ship: `python tests/ui/screenshots.py OUTDIR`.

Writes `{light,dark,phone}-{start,answer,source,silent}.png`. Needs Playwright and Chromium (CHROMIUM_PATH,
/usr/bin/chromium, or one on the PATH).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
VIEWS = {"light": ("/", 1280, 800), "dark": ("/?__theme=dark", 1280, 800), "phone": ("/", 375, 720)}


def shoot(page: Any, url: str, name: str, out: Path) -> None:
    """One view's four pictures."""

    def picture(moment: str) -> None:
        page.screenshot(path=out / f"{name}-{moment}.png")

    def answers(count: int) -> None:
        page.wait_for_function("count => document.querySelectorAll('#chat .answer').length === count", arg=count)

    page.goto(url)
    page.wait_for_selector("#question textarea")
    picture("start")
    page.locator(".chip").first.click()
    answers(1)
    picture("answer")
    page.locator(".cite").first.click()
    page.wait_for_selector("#source mark.focus")
    picture("source")
    page.keyboard.press("Escape")
    page.fill("#question textarea", "Who won the chess championship in Iceland?")
    page.keyboard.press("Enter")
    answers(2)
    picture("silent")


def main() -> None:
    """Indexes the seeds in a folder of its own, serves them, and takes the pictures."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.path.insert(0, str(ROOT))
    from playwright.sync_api import sync_playwright

    from rag.pipeline import open_engine
    from ui.app import launch

    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    places = (os.environ.get("CHROMIUM_PATH"), "/usr/bin/chromium", *map(shutil.which, ("chromium", "google-chrome")))
    chromium = next((place for place in places if place and Path(place).is_file()), None)
    if chromium is None:
        sys.exit("no Chromium found: set CHROMIUM_PATH to one")
    with (
        tempfile.TemporaryDirectory() as index,
        open_engine(Path(index), ROOT / "seeds") as engine,
        launch(engine, port=0, block=False) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name, (path, width, height) in VIEWS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
            shoot(page, app.url + path, name, out)
            page.close()
        browser.close()
    print(f"{len(VIEWS) * 4} pictures in {out}")


if __name__ == "__main__":
    main()
