"""The local page in a real browser: drop, compare, download."""

import base64
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from conftest import opened
from looking import crop_of, drag, look_at, seen_at
from PIL import Image

from sr_arn import load_model
from sr_arn.cli import main

pytest.importorskip("starlette")

DROP = """([files, type]) => {
    const data = new DataTransfer();
    for (const [name, text] of files) {
        const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        data.items.add(new File([bytes], name));
    }
    const event = new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true});
    document.getElementById("drop").dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def address():
    """Where a server of its own process answers; Ctrl-C ends it without a word."""
    command = [sys.executable, "-m", "sr_arn", "serve", "--port", "0"]
    command += ["--models", "aplus-x3,aplus-x2", "--max-upload", "5", "--max-pixels", "1000000"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as server:  # noqa: S603 - our own interpreter
        line = server.stdout.readline()
        assert line.startswith("http://127.0.0.1:")
        yield line.split()[0] + "/"
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 0
    assert all("is not restored" in line for line in errors.splitlines())  # A+ cannot


@pytest.fixture
def photos(tmp_path, coffee):
    """A photo, and another whose name is odd."""
    paths = [
        tmp_path / "coffee cup.png",
        tmp_path / "<b>caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg",
    ]
    for path, part in zip(paths, (coffee[100:220, 200:380], coffee[:100, :120]), strict=True):
        Image.fromarray(part).save(path)
    return paths


def drop(tab, *paths):
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    tab.evaluate(DROP, [files, "dragover"])
    assert "over" in tab.locator("#drop").get_attribute("class")
    tab.evaluate(DROP, [files, "drop"])
    assert "over" not in tab.locator("#drop").get_attribute("class")


def item(tab, name):
    return tab.locator(".item").filter(has=tab.get_by_text(name, exact=True))


def downloaded(tab, link):
    with tab.expect_download() as download:
        link.click()
    return download.value.suggested_filename, download.value.path()


def test_drop_compare_download(address, window, photos):
    with window(address) as tab:
        tab.locator("#model").select_option("aplus-x3")
        drop(tab, photos[0])
        done = item(tab, "coffee cup.png")
        done.locator(".download").wait_for()
        assert "540 x 360 pixels" in done.locator(".note").text_content()
        name, path = downloaded(tab, done.locator(".download"))
        assert name == "coffee cup_x3.png"
        expected = load_model("aplus-x3").upscale(np.array(opened(photos[0])))
        assert np.array_equal(np.array(opened(path)), expected)

        done.locator(".compare").click()
        look_at(tab)
        drag(tab, 0.2)
        assert seen_at(tab) == pytest.approx(20, abs=1)
        box = tab.locator(".stage").bounding_box()
        tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        bicubic = load_model("bicubic", scale=3).upscale(np.array(opened(photos[0])))
        for number, pixels in enumerate((bicubic, expected)):
            assert np.array_equal(crop_of(tab, number), pixels[156:204, 246:294])
        done.locator(".compare").click()
        assert tab.locator(".comparison").count() == 0
        done.locator(".remove").click()
        assert tab.locator(".item").count() == 0


def test_what_is_removed_while_it_is_handed_in_is_gone(address, window, photos):
    with window(address) as tab:
        tab.route(
            "**/pictures?*name=*", lambda route: (tab.wait_for_timeout(300), route.continue_())
        )
        tab.set_input_files("#files", photos)
        tab.locator(".item", has_text="uploading").locator(".remove").click()
        tab.locator(".item.done").wait_for()
        assert tab.locator(".item").count() == 1
        assert tab.locator("#all").is_hidden()
        assert tab.evaluate("items.size") == 1


def test_a_page_loaded_anew_finds_its_pictures(address, window, photos):
    with window(address) as tab:
        tab.set_input_files("#files", photos[0])
        tab.locator(".item.done").wait_for()
        tab.locator("#size").select_option("width")
        tab.reload()
        done = item(tab, "coffee cup.png")
        done.locator(".download").wait_for()
        assert downloaded(tab, done.locator(".download"))[0] == "coffee cup_x3.png"
        done.locator(".remove").click()
        tab.reload()
        assert tab.locator(".item").count() == 0


def test_a_size_without_a_number_is_asked_for(address, window, photos):
    with window(address) as tab:
        tab.locator("#size").select_option("width")
        tab.set_input_files("#files", photos[0])
        assert tab.locator("#told").text_content() == "How large? Give a number above 0."
        assert tab.locator(".item").count() == 0


def test_two_at_once_and_all_as_zip(address, window, photos):
    with window(address) as tab, window(address) as other:
        for page in (tab, other):
            page.locator("#size").select_option("width")
            page.locator("#value").fill("200")
            drop(page, *photos)
        for page in (tab, other):
            page.locator(".item.done").nth(1).wait_for()
            assert page.locator(".item").count() == 2
            name, path = downloaded(page, page.locator("#zip"))
            assert name == "enlarged.zip"
            with zipfile.ZipFile(path) as packed:
                names = packed.namelist()
                assert len(names) == 2
                for name in names:
                    with packed.open(name) as file:
                        assert opened(file).width == 200
        assert tab.locator("b").count() == 0  # a name is no markup


def test_bad_pictures_are_told(address, window, tmp_path, photos):
    text = tmp_path / "letter.txt"
    text.write_text("Dear browser")
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(photos[0].read_bytes()[:500])
    empty = tmp_path / "empty.png"
    empty.touch()
    huge = tmp_path / "huge.png"
    Image.new("L", (2000, 600)).save(huge)
    heavy = tmp_path / "heavy.tif"
    heavy.write_bytes(bytes(5_000_001))
    reasons = {
        text: "no picture",
        damaged: "damaged.png",
        empty: "is empty",
        huge: "2,000 x 600 pixels",
        heavy: "at most 5 MB",
    }
    with window(address, tolerated="Failed to load resource") as tab:
        tab.set_input_files("#files", [*reasons, photos[0]])
        item(tab, photos[0].name).locator(".download").wait_for()
        assert tab.locator(".item.failed").count() == len(reasons)
        for path, reason in reasons.items():
            note = item(tab, path.name).locator(".note").text_content()
            assert reason in note


def test_by_keyboard_on_a_phone(address, window, photos):
    phone = {"viewport": {"width": 360, "height": 700}, "is_mobile": True, "has_touch": True}
    with window(address, color_scheme="dark", **phone) as tab:
        tab.locator("#size").select_option("scale")
        assert tab.evaluate("document.activeElement.id") == "value"
        tab.keyboard.type("1.5")
        tab.locator("#model").select_option("aplus-x2")
        tab.set_input_files("#files", photos[0])
        tab.locator(".item.done").wait_for()
        assert "270 x 180" in tab.locator(".note").text_content()
        tab.locator(".compare").focus()
        tab.keyboard.press("Enter")
        look_at(tab)
        tab.locator(".stage input").focus()
        tab.keyboard.press("ArrowRight")
        assert seen_at(tab) == 50.5
        assert tab.evaluate("document.documentElement.scrollWidth") == 360


def test_a_server_that_cannot_be_is_told(capsys, address):
    port = address.rsplit(":", 1)[1].rstrip("/")
    for arguments, reason in (
        (["--port", port], "take another --port"),
        (["--port", "70000"], "0 to 65535"),
        (["--host", "no.such.host.invalid"], "cannot listen"),
        (["--models", "nothing"], "nothing"),
        (["--max-upload", "0"], "max-upload"),
        (["--max-pixels", "0"], "max-pixels"),
        (["--models", ","], "models: expected files of different names"),
    ):
        assert main(["serve", *arguments]) == 2, arguments
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert reason in error
