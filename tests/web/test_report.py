"""The report and the comparison: what they say, and what a browser shows of them."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from conftest import SHIPPED, opened
from looking import crop_of, drag, look_at, seen_at
from PIL import Image

from sr_arn import imresize, load_model, psnr_y
from sr_arn.cli import main
from sr_arn.pictures.color import luminance, luminance_levels
from sr_arn.pictures.resize import crop_to_multiple

MODELS = ["bicubic", "aplus-x3", "conv-arn-x3-tiny"]
NASTY = "<img src=x onerror=document.title='taken'>.png"


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two small sets: colour and grey, and one of a nasty name."""
    folder = tmp_path_factory.mktemp("data")
    for name, parts in {"one": ("coffee", "camera"), "two": ("chelsea",)}.items():
        (folder / name).mkdir()
        for part in parts:
            with Image.open(SHIPPED / f"{part}.png") as image:
                image.crop((60, 90, 261, 240)).save(folder / name / f"{part}.png")
    shutil.move(folder / "two" / "chelsea.png", folder / "two" / NASTY)
    return folder


@pytest.fixture(scope="module")
def report(pictures, tmp_path_factory):
    """A report, and the JSON of the same run."""
    page = tmp_path_factory.mktemp("report") / "report.html"
    scores = page.with_suffix(".json")
    arguments = ["--data", pictures, "--sets", "one,two", "--models", ",".join(MODELS)]
    assert run("benchmark", *arguments, "--report", page, "--json", scores, "--quiet") == 0
    return page, json.loads(scores.read_text())["scores"]


def views(page):
    """Return what the sliders of a page show, by title."""
    sections = re.findall(
        r'<section class="comparison" aria-label="(.*?)">.*?json">(.*?)</script>',
        page.read_text(),
        re.DOTALL,
    )
    return {title: json.loads(data) for title, data in sections}


def pixels_of(version):
    head, _, data = version["source"].partition(",")
    assert head in ("data:image/webp;base64", "data:image/png;base64")
    return np.array(opened(io.BytesIO(base64.b64decode(data))))


def test_every_score_stands_in_the_report(report):
    page, scores = report
    text = page.read_text()
    assert len(scores) == len(MODELS) * 2
    for score in scores:
        assert f"{score['psnr']:.2f} / {score['ssim']:.4f}" in text
        for image in score["images"]:
            assert f"{image['psnr']:.2f} / {image['ssim']:.4f}" in text


def test_the_best_of_each_column_is_marked(report):
    page, scores = report
    marked = re.findall(r'class="best">([\d.]+) /', page.read_text())
    best = [max(s["psnr"] for s in scores if s["set"] == name) for name in ("one", "two")]
    assert [f"{psnr:.2f}" for psnr in best] == marked[:2]
    assert len(marked) == 2 + 3  # and of each picture


def test_what_is_shown_was_scored(report, pictures):
    page, scores = report
    view = views(page)["coffee.png"]
    assert [version["name"] for version in view["versions"]] == [*MODELS, "original"]
    hr = crop_to_multiple(np.array(opened(pictures / "one" / "coffee.png")), 3)
    original = pixels_of(view["versions"][-1])
    assert np.array_equal(original, hr)
    for version in view["versions"][:-1]:
        model = load_model(version["name"], scale=3)
        y = model.upscale_luminance(imresize(luminance(hr), 1 / 3), "paper")
        shown = luminance_levels(pixels_of(version)).astype(int)
        inside = np.abs(shown - np.floor(y * 255 + 0.5)) <= 1  # RGB is rounded and clipped
        assert inside.mean() > 0.98
        (psnr,) = (
            image["psnr"]
            for score in scores
            for image in score["images"]
            if score["model"] == version["name"] and image["image"] == "coffee.png"
        )
        assert version["note"] == f"{psnr:.2f} dB"
        assert psnr_y(hr, y, 3) == psnr


def test_the_number_of_pictures_can_be_chosen(pictures, tmp_path):
    arguments = ["--data", pictures, "--sets", "one", "--models", "bicubic", "--quiet"]
    page = tmp_path / "r.html"
    for most in (0, 1):
        assert run("benchmark", *arguments, "--report", page, "--report-pictures", most) == 0
        assert len(views(page)) == most
        assert "coffee.png</td>" in page.read_text()  # all stand in the tables


@pytest.mark.parametrize("name", ["report.txt", "photo.png", "missing/report.html"])
def test_a_report_that_cannot_be_is_told_before_work(pictures, tmp_path, capsys, name):
    arguments = ["--data", pictures, "--sets", "one", "--models", "bicubic"]
    assert run("benchmark", *arguments, "--report", tmp_path / name) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_same_report_of_the_same_scores(pictures, tmp_path):
    from sr_arn.evaluation.evaluate import evaluate
    from sr_arn.web.report import ShownPictures, benchmark_page

    sets = {"one": sorted((pictures / "one").iterdir())}
    models = {name: load_model(name, scale=3) for name in MODELS}
    shown = [ShownPictures(2), ShownPictures(2)]
    scores = [evaluate(models, sets, keep=pictures.add) for pictures in shown]
    pages = {benchmark_page(scores[0], pictures, 3, "paper") for pictures in shown}
    assert len(pages) == 1


def test_sliders(report, window):
    page, _ = report
    with window(page.as_uri()) as tab:
        look_at(tab)
        assert seen_at(tab) == 50
        drag(tab, 0.25)
        assert seen_at(tab) == pytest.approx(25, abs=1)
        drag(tab, 0.9)
        assert seen_at(tab) == pytest.approx(90, abs=1)
        tab.locator(".stage input").first.focus()
        at = seen_at(tab)
        tab.keyboard.press("ArrowLeft")
        assert seen_at(tab) == at - 0.5
        tab.keyboard.press("Home")
        assert seen_at(tab) == 0
        tab.keyboard.press("End")
        assert seen_at(tab) == 100


def test_crops_show_the_pixels_under_the_pointer(report, window):
    page, _ = report
    versions = [pixels_of(version) for version in views(page)["camera.png"]["versions"]]
    with window(page.as_uri()) as tab:
        assert look_at(tab).locator("h3").text_content() == "camera.png"
        box = tab.locator(".stage").first.bounding_box()
        height, width = versions[0].shape[:2]
        x, y = 80, 60
        tab.mouse.move(
            box["x"] + (x + 24.2) / width * box["width"],
            box["y"] + (y + 24.2) / height * box["height"],
        )
        for number, pixels in enumerate(versions):
            part = pixels[y : y + 48, x : x + 48]
            expected = np.broadcast_to(part.reshape(48, 48, -1), (48, 48, 3))
            assert np.array_equal(crop_of(tab, number), expected)
        tab.locator(".zoom").first.select_option("8")
        assert crop_of(tab, 0).shape == (24, 24, 3)
        tab.locator(".stage input").first.focus()
        before = crop_of(tab, 0)
        tab.keyboard.press("Shift+ArrowRight")
        moved = crop_of(tab, 0)
        assert np.array_equal(moved[:, :-4], before[:, 4:])  # a fiftieth of the width


def test_any_two_versions_can_be_chosen(report, window):
    page, _ = report
    with window(page.as_uri()) as tab:
        first = look_at(tab)
        assert first.locator(".tag.of-left").text_content() == "bicubic"
        first.locator("select.left").select_option("original")
        first.locator("select.right").select_option("aplus-x3")
        assert first.locator(".tag").all_text_contents() == ["original", "aplus-x3"]
        assert first.locator("img.right").get_attribute("alt") == "aplus-x3"


def test_on_a_phone_in_the_dark(report, window):
    page, _ = report
    phone = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
    with window(page.as_uri(), color_scheme="dark", **phone) as tab:
        look_at(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        box = tab.locator(".stage").first.bounding_box()
        tab.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + 0.4 * box["height"])
        assert seen_at(tab) == pytest.approx(75, abs=2)
        colours = tab.evaluate(
            "[getComputedStyle(document.body)].map(s => [s.color, s.backgroundColor])"
        )
        ink, paper = (sum(map(int, re.findall(r"\d+", colour))) for colour in colours[0])
        assert ink > 600 > 150 > paper


def test_names_are_no_markup(report, window):
    page, _ = report
    assert NASTY not in page.read_text()
    with window(page.as_uri()) as tab:
        assert look_at(tab, 2).locator("h3").text_content() == NASTY
        assert tab.title() == "Super-resolution x3: one, two"


def test_compare_two_pictures_of_any_kind(tmp_path, coffee, window, capsys):
    deep = np.arange(90 * 120, dtype=np.uint16).reshape(90, 120) * 6
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray(coffee[:180, :240]).save(tmp_path / "large.jpg", quality=90)
    page = tmp_path / "compare.html"
    assert run("compare", tmp_path / "deep.png", tmp_path / "large.jpg", "-o", page) == 0
    assert capsys.readouterr().out.endswith("compare.html\n")
    with window(page.as_uri()) as tab:
        look_at(tab)
        assert tab.title() == "deep.png and large.jpg"
        drag(tab, 0.1)
        assert seen_at(tab) == pytest.approx(10, abs=1)
        box = tab.locator(".stage").bounding_box()
        tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expected = np.floor(deep[33:57, 48:72] / 65535 * 255 + 0.5)  # half the pixels, as large
        assert np.abs(crop_of(tab, 0)[..., 0] - expected).max() <= 1
        assert np.array_equal(
            crop_of(tab, 1), np.array(opened(tmp_path / "large.jpg"))[66:114, 96:144]
        )


def test_each_side_of_the_bar_shows_its_picture_alone(tmp_path, coffee, window):
    Image.new("RGB", (100, 80), "red").save(tmp_path / "red.png")
    clear = Image.new("RGBA", (100, 80), (0, 0, 255, 0))
    clear.save(tmp_path / "clear.png")
    page = tmp_path / "c.html"
    assert run("compare", tmp_path / "red.png", tmp_path / "clear.png", "-o", page) == 0
    with window(page.as_uri()) as tab:
        box = look_at(tab).locator(".stage").bounding_box()
        drag(tab, 0.4)
        shot = np.array(Image.open(io.BytesIO(tab.screenshot())).convert("RGB")).astype(int)
        row = shot[round(box["y"] + 0.8 * box["height"]), :, :]
        red = (row[:, 0] > 200) & (row[:, 1] < 60)
        columns = np.flatnonzero(red)
        assert columns.min() == pytest.approx(box["x"], abs=2)
        assert columns.max() == pytest.approx(box["x"] + 0.4 * box["width"], abs=3)


@pytest.mark.parametrize("size", [(18_000, 3), (3, 18_000), (1, 1)])
def test_pictures_of_extreme_shapes(tmp_path, window, size):
    Image.new("L", size, 100).save(tmp_path / "long.png")
    Image.new("L", (30, 20), 200).save(tmp_path / "b.png")
    page = tmp_path / "c.html"
    assert run("compare", tmp_path / "long.png", tmp_path / "b.png", "-o", page) == 0
    with window(page.as_uri()) as tab:
        look_at(tab)
        assert all(crop_of(tab, number).size for number in (0, 1))


def test_a_flat_picture_has_no_end_of_decibels(tmp_path):
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (90, 60), (40, 90, 200)).save(tmp_path / "flat" / "a.png")
    page = tmp_path / "r.html"
    arguments = ["--data", tmp_path, "--sets", "flat", "--models", "bicubic,aplus-x3"]
    assert run("benchmark", *arguments, "--report", page, "--quiet") == 0
    assert "inf / 1.0000" in page.read_text()


def test_names_in_a_plot_keep_apart():
    from sr_arn.web.plot import WIDTH, Point, _touch, scatter

    names = [
        "bicubic",
        "a",
        "aplus-x3",
        "conv-arn-x3-tiny",
        "a-very-long-name-of-a-file.safetensors",
    ]
    points = [Point(name, 1 + k / 50, 30 + k / 100) for k, name in enumerate(names * 2)]
    marks = scatter(points, "x", "y").points
    assert len(marks) == len(points)
    for number, mark in enumerate(marks):
        assert mark.text_x >= 0
        assert mark.box[1] <= WIDTH + 1
        for other in marks[number + 1 :]:
            assert not _touch(mark.box, other.box), (mark, other)


def test_compare_tells_mistakes(tmp_path, capsys):
    photo = SHIPPED / "camera.png"
    for arguments in (
        (photo, tmp_path / "missing.png", "-o", tmp_path / "c.html"),
        (photo, photo, "-o", tmp_path / "c.png"),
    ):
        assert run("compare", *arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())
