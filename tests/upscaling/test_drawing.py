"""Pictures of results and models."""

import re
from pathlib import Path

import numpy as np
import pytest
from conftest import opened
from PIL import Image

from sr_arn import InputError, load_model
from sr_arn.cli import main
from sr_arn.pictures.picture import Picture
from sr_arn.upscaling.drawing import PART, TILE, gallery, preview, side_by_side, visible


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_side_by_side_shows_every_pixel(coffee):
    grey = coffee[:5, :7, 0]
    drawn = side_by_side([("a", coffee[:6, :8]), ("a", grey)], zoom=3)
    assert drawn.shape == (18 + 18, 2 * 24 + 4, 3)
    np.testing.assert_array_equal(drawn[18::3, :24:3], coffee[:6, :8])
    np.testing.assert_array_equal(drawn[18:33:3, 28:49:3], np.dstack([grey] * 3))
    assert drawn[:18].min() < 128  # the names
    assert (drawn[:18] == 255).any()


@pytest.mark.parametrize("name", ["aplus-x2", "conv-arn-x3-tiny"])
def test_a_preview_is_a_part_of_the_result(coffee, name):
    upscaler = load_model(name)
    drawn = preview(Picture(coffee), upscaler)
    side = PART * upscaler.scale
    assert drawn.shape == (18 + 2 * side, 4 * side + 4, 3)
    parts = drawn[18::2, : 2 * side : 2], drawn[18::2, 2 * side + 4 :: 2]
    wholes = load_model("bicubic", scale=upscaler.scale).upscale(coffee), upscaler.upscale(coffee)
    places = [
        (top, left)
        for top in range(0, 400 - PART, PART // 2)
        for left in range(0, 600 - PART, PART // 2)
        if np.array_equal(
            wholes[1][top * upscaler.scale :, left * upscaler.scale :][:side, :side], parts[1]
        )
    ]
    ((top, left),) = places
    where = np.s_[top * upscaler.scale :, left * upscaler.scale :]
    np.testing.assert_array_equal(wholes[0][where][:side, :side], parts[0])


def test_previews_lie_beside_results_and_are_no_inputs(tmp_path, coffee, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    for kind, pixels in {"rgb": coffee, "grey": coffee[..., 0]}.items():
        Image.fromarray(pixels[:40, :50]).save(photos / f"{kind}.png")
    Image.fromarray(np.dstack([coffee, coffee[..., 0]])[:40, :50], "CMYK").save(photos / "ink.tif")
    again = ("upscale", photos, "-o", photos, "--model", "aplus-x2", "--preview", "--skip-existing")
    assert run(*again) == 0
    names = [f"{kind}_x2.preview.png" for kind in ("grey", "ink", "rgb")]
    assert sorted(p.name for p in photos.glob("*.preview.png")) == names
    with Image.open(photos / names[0]) as image:
        assert image.size == (2 * 2 * 100 + 4, 18 + 2 * 80)
    capsys.readouterr()
    assert run(*again) == 0
    told = capsys.readouterr()
    assert told.out == "0 done, 3 skipped, 0 failed\n"
    assert names[0] in told.err


def test_a_preview_takes_the_place_of_no_input(tmp_path, coffee, capsys):
    named = tmp_path / "x.preview.png"
    Image.fromarray(coffee[:20, :20]).save(named)
    before = named.read_bytes()
    for output in (tmp_path / "x.png", f"{tmp_path}/"):
        arguments = ("--preview", "--model", "bicubic", "--name", "x.png")
        arguments = arguments if output == f"{tmp_path}/" else arguments[:3]
        assert run("upscale", named, "-o", output, *arguments) == 2
        assert "is the input" in (told := capsys.readouterr().err) or "is an input" in told
    assert run("upscale", named, "-o", "-", "--preview") == 2
    assert "preview: lies beside a result" in capsys.readouterr().err
    assert named.read_bytes() == before
    assert run("upscale", named, "-o", f"{tmp_path}/out/", "--model", "bicubic", "--quiet") == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["x.preview_x3.png"]  # it was named


def test_what_is_visible():
    ink = Picture(
        np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255]]], np.uint8), is_cmyk=True
    )
    expected = [[[255, 255, 255], [0, 255, 255], [0, 0, 0]]]
    np.testing.assert_array_equal(visible(ink), expected)
    np.testing.assert_array_equal(visible(Picture(np.uint16([[0, 65535, 257]]))), [[0, 255, 1]])
    np.testing.assert_array_equal(visible(Picture(np.float32([[0, 1, 0.5]]))), [[0, 255, 128]])


@pytest.mark.parametrize("name", ["aplus-x2", "global-arn-x3", "arn-x3", "aplus-x4"])
def test_a_gallery_has_a_tile_for_each_anchor(name):
    upscaler = load_model(name)
    drawn = gallery(upscaler)
    anchors = upscaler.model.regressor.anchors_
    tiles = drawn[4:, 4:]
    for number in (0, 25, len(anchors) - 1):
        top, left = number // 24 * (TILE + 4), number % 24 * (2 * TILE + 4)
        patch = tiles[top : top + TILE, left : left + TILE]
        assert {int(patch.min()), int(patch.max())} & {0, 255}  # its own contrast
    # an anchor's picture has the anchor's features
    features = upscaler.model.features
    patches = anchors @ np.linalg.pinv(features.projection_).T
    np.testing.assert_allclose(patches @ features.projection_.T, anchors, atol=1e-4)


def test_models_show_describes(capsys):
    assert run("models", "show", "conv-arn-x3") == 0
    shown = capsys.readouterr().out
    assert "285 of open_photos, 91 of T91, 100 of BSD200" in shown
    assert "JPEG and noise" in shown
    text = Path(re.search("credits: +(.*)", shown)[1]).read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in text
    assert run("models", "show", "aplus-x2") == 0
    assert re.search("trained on: +91 images", capsys.readouterr().out)
    assert run("models", "show", "bicubic") == 0


def test_models_show(tmp_path, capsys):
    assert run("models", "show", "aplus-x2", "-o", tmp_path / "g.png") == 0
    size = opened(tmp_path / "g.png").size
    assert capsys.readouterr().out.endswith(f"g.png: {size[0]} x {size[1]} pixels\n")
    for arguments, reason in (
        (("conv-arn-x3", "-o", tmp_path / "h.png"), "has no anchors to draw"),
        (("nothing", "-o", tmp_path / "h.png"), "neither a file nor bundled"),
        (("aplus-x2", "-o", tmp_path / "h.txt"), "expected a name ending in"),
    ):
        assert run("models", "show", *arguments) == 2
        assert reason in capsys.readouterr().err
    with pytest.raises(InputError, match="bicubic has no anchors"):
        gallery(load_model("bicubic"))
    assert [path.name for path in tmp_path.iterdir()] == ["g.png"]
