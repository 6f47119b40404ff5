"""Make the pictures of docs/looking.md: a report, the page, a preview, a gallery.

    python benchmarks/screenshots.py

Needs Debian's Chromium, and Playwright (extra dev). Everything is made of the pictures in `data/`.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MODELS = "bicubic,aplus-x3,conv-arn-x3"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SR_ARN = [sys.executable, "-m", "sr_arn"]
CORNER = (916, 404)  # pixels of a gallery


def main() -> None:
    """Make all of them."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("screenshots: the program chromium is not installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        report(browser, Path(folder))
        page(browser)
        browser.close()
        preview(Path(folder))
        gallery(Path(folder))


def report(browser: Browser, folder: Path) -> None:
    """Show the table of a report and a slider."""
    made = folder / "report.html"
    run("benchmark", "--data", ROOT, "--sets", "data", "--models", MODELS, "--report", made)
    tab = browser.new_page(viewport={"width": 900, "height": 1000})
    tab.goto(made.as_uri())
    comparison = tab.locator(".comparison").nth(1)
    comparison.scroll_into_view_if_needed()
    tab.wait_for_function("e => e.classList.contains('ready')", arg=comparison.element_handle())
    comparison.screenshot(path=DOCS / "report.png")
    shrunk(DOCS / "report.png")


def page(browser: Browser) -> None:
    """Show the page with a picture that is done, under its slider, and another."""
    command = [*SR_ARN, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
        if server.stdout is None:
            raise RuntimeError("the server's output is piped")
        tab = browser.new_page(viewport={"width": 800, "height": 1000})
        tab.goto(server.stdout.readline().split()[0])
        tab.set_input_files("#files", [ROOT / "data" / n for n in ("camera.png", "chelsea.png")])
        tab.locator(".item.done").nth(1).wait_for()
        tab.locator(".compare").first.click()
        tab.locator(".comparison.ready").wait_for()
        tab.screenshot(path=DOCS / "serve.png", full_page=True)
        server.send_signal(signal.SIGINT)
    shrunk(DOCS / "serve.png")


def preview(folder: Path) -> None:
    """Show the preview of a photo."""
    run("upscale", ROOT / "data" / "chelsea.png", "-o", folder / "cat.png", "--preview")
    shutil.copy(folder / "cat.preview.png", DOCS / "preview.png")
    shrunk(DOCS / "preview.png")


def gallery(folder: Path) -> None:
    """Show the upper left of a gallery."""
    run("models", "show", "aplus-x3", "-o", folder / "gallery.png")
    with Image.open(folder / "gallery.png") as whole:
        whole.crop((0, 0, *CORNER)).save(DOCS / "gallery.png", optimize=True)


def run(*arguments: object) -> None:
    """Run sr-arn."""
    subprocess.run([*SR_ARN, *map(str, arguments)], check=True)  # noqa: S603 - ours


def shrunk(path: Path) -> None:
    """Pack a screenshot well, so that the repository stays small."""
    with Image.open(path) as image:
        image.convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main()
