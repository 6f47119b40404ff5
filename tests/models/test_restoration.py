"""Networks that restore, by laws, from Python and on the command line."""

import io
import json
import logging

import numpy as np
import pytest
from conftest import opened, random_network
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from sr_arn import InputError, imresize, load_model, save_model
from sr_arn.cli import main
from sr_arn.models.base import BicubicModel
from sr_arn.models.conv import ConvModel
from sr_arn.models.restoration import CLEAN, OFF, Restore, Strengths
from sr_arn.pictures.io import read_image
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.upscaler import Upscaler

SOME = Strengths(jpeg=40, noise=3, aliasing=0.25, share=0.5)


@pytest.fixture(scope="module")
def network():
    return random_network(2, 6, 1, 3, 0.2, hidden=4)


@pytest.fixture(scope="module")
def jpeg(coffee):
    """Return the file of a small JPEG of quality 60."""
    whole = io.BytesIO()
    Image.fromarray(imresize(coffee, 1 / 4)).save(whole, "JPEG", quality=60)
    return whole.getvalue()


@pytest.fixture
def photo(tmp_path, jpeg):
    (tmp_path / "photo.jpg").write_bytes(jpeg)
    return tmp_path / "photo.jpg"


def by_hand(arrays, strengths, lr, scale):
    """Return the details of a network whose channels have gains and shifts, by torch."""
    torch = pytest.importorskip("torch")
    a = {name: torch.from_numpy(array) for name, array in arrays.items()}
    v = torch.from_numpy(strengths.coordinates)
    h = torch.relu(a["hidden_weight"] @ v + a["hidden_bias"])

    def layer(x, weight, bias, gain, shift, padding=1):
        y = torch.conv2d(x, weight, bias, padding=padding)
        return y * (1 + gain @ h)[:, None, None] + (shift @ h)[:, None, None]

    x = torch.from_numpy(np.pad(lr, 1, mode="edge"))[None, None]
    first = a["first_weight"].clone()
    first[:, 1, 1] -= first.sum(dim=(1, 2))
    first = layer(x, first[:, None], a["first_bias"], a["first_gain"], a["first_shift"], 0)
    x = torch.relu(first)
    names = ("pair_weight", "pair_bias", "pair_gain", "pair_shift")
    for k in range(len(a["pair_weight"])):
        one, two = ([a[name][k, z] for name in names] for z in (0, 1))
        x = x + layer(torch.relu(layer(x, *one)), *two)
    x = x * (1 + a["last_gain"] @ h)[:, None, None]
    scores = torch.conv2d(x, a["anchors"], a["anchor_bias"] + a["anchor_shift"] @ h, padding=1)
    weight, bias = a["last_weight"], a["last_bias"] + a["last_shift"] @ h
    values = torch.conv2d(x, weight.flatten(0, 1), bias.flatten(), padding=1)
    values = values.unflatten(1, bias.shape)
    mixed = (scores.softmax(dim=1)[:, :, None] * values).sum(dim=1)
    return torch.pixel_shuffle(mixed, scale)[0, 0].numpy()


def test_a_restored_network_has_gains_and_shifts(network, planes):
    lr = np.ascontiguousarray(imresize(planes[0], 1 / 8)[:24, :30])
    strengths = Strengths(jpeg=40, noise=3)
    flat = by_hand(network.restoring, strengths, np.zeros((12, 12), np.float32), 2)[12:14, 12:14]
    details = by_hand(network.restoring, strengths, lr, 2) - np.tile(flat, lr.shape)
    restored = network.restored(strengths)(lr)
    np.testing.assert_allclose(restored - imresize(lr, 2), details, atol=2e-5)


def test_aliasing_takes_a_part_of_the_details_away(network, planes):
    lr = np.ascontiguousarray(planes[0][:24, :30])
    bicubic = imresize(lr, 2)
    for strengths in (Strengths(), Strengths(jpeg=50)):
        whole = network.restored(strengths)(lr) - bicubic
        aliased = Strengths(jpeg=strengths.jpeg, aliasing=0.75)
        np.testing.assert_allclose(network.restored(aliased)(lr) - bicubic, whole / 4, atol=1e-5)


def test_torch_restores_too(network, coffee):
    pytest.importorskip("torch")
    upscaler = Upscaler(network)
    small = coffee[:40, :50]
    ours = upscaler.upscale(small, restore=SOME).astype(int)
    assert np.abs(upscaler.to("cpu").upscale(small, restore=SOME) - ours).max() <= 1
    assert np.abs(upscaler.upscale(small, restore="off") - ours).max() > 1


@pytest.mark.parametrize("ensemble", [False, True])
def test_tiles_and_threads_do_not_change_a_bit(network, jpeg, ensemble):
    upscaler = Upscaler(network).refined(ensemble)
    pictures = {
        "upscale_picture": [read_image(jpeg)],
        "upscale": [opened(io.BytesIO(jpeg)), np.array(opened(io.BytesIO(jpeg)))],
    }
    for method, picture in ((m, p) for m, several in pictures.items() for p in several):
        results = []
        for tile, threads in ((None, 1), (21, 1), (30, 2)):
            upscale = getattr(upscaler.scheduled(Schedule(threads=threads, tile=tile)), method)
            result = upscale(picture)
            results.append(np.array(getattr(result, "pixels", result)))
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])


def test_nothing_is_restored_of_what_is_off(network, jpeg):
    upscaler = Upscaler(network)
    picture = read_image(jpeg)
    off = Upscaler(ConvModel(2, network.arrays)).upscale_picture(picture, restore="off").pixels
    for restore in ("off", 0, 0.0, "0", OFF, CLEAN, Strengths(jpeg=20, share=0)):
        assert upscaler.restored(upscaler.strengths_of(picture, restore)) is upscaler
        np.testing.assert_array_equal(
            upscaler.upscale_picture(picture, restore=restore).pixels, off
        )
    for all_of_it in ("auto", 100, "100", Strengths(jpeg=60)):
        assert upscaler.strengths_of(picture, all_of_it) == Strengths(jpeg=60)
    assert upscaler.strengths_of(picture, 30) == Strengths(jpeg=60, share=0.3)
    assert not np.array_equal(upscaler.upscale_picture(picture).pixels, off)


def test_a_file_restores_as_its_network(network, tmp_path, coffee):
    save_model(tmp_path / "m.safetensors", Upscaler(network))
    loaded = load_model(tmp_path / "m.safetensors")
    assert loaded.restores
    small = coffee[:40, :50]
    ours = Upscaler(network).upscale(small, restore=SOME).astype(int)
    assert np.abs(loaded.upscale(small, restore=SOME) - ours).max() <= 1  # float16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"restore.first_gain": None}, "the array 'restore.first_gain' is missing"),
        ({"restore.first_gain": np.zeros((6, 3), np.float32)}, "expected shape"),
        ({"restore.hidden_weight": np.full((4, 2), np.nan, np.float32)}, "has entries above"),
        ({"restore.last_weight": np.full((3, 4, 6, 3, 3), 1e6, np.float32)}, "is not finite"),
    ],
)
def test_damaged_arrays_that_restore_are_one_line(network, tmp_path, change, message):
    path = tmp_path / "m.safetensors"
    save_model(path, Upscaler(network))
    with safe_open(path, framework="numpy") as file:
        header = file.metadata()
    arrays = {name: a for name, a in (load_file(path) | change).items() if a is not None}
    save_file(arrays, path, metadata=header)
    with pytest.raises(InputError, match=message) as error:
        load_model(path)
    assert "\n" not in str(error.value)


def test_models_that_do_not_restore_warn_once(jpeg, coffee, caplog):
    upscaler = Upscaler(BicubicModel(2))
    with caplog.at_level(logging.WARNING):
        upscaler.upscale(coffee[:64, :64])
        assert not caplog.records
        upscaler.upscale(jpeg, restore="off")
        assert not caplog.records
        upscaler.upscale(jpeg)
        upscaler.upscale(jpeg)
    [record] = caplog.records
    assert record.getMessage() == (
        "JPEG of quality 60: is not restored; bicubic knows clean pictures only"
    )
    for restore in (50, Strengths(noise=3)):
        with pytest.raises(InputError, match="restore: bicubic knows clean pictures only"):
            upscaler.upscale(jpeg, restore=restore)


@pytest.mark.parametrize("value", ["much", -1, 101, float("nan"), None, [3], "101"])
def test_bad_values(value):
    with pytest.raises(InputError, match="restore: expected auto, off or 0 to 100 per cent"):
        Restore.of(value)


def test_the_command_says_what_was_found_and_done(photo, tmp_path, capsys):
    out = tmp_path / "out.png"
    for options, said in (
        ([], "conv-arn-x3-tiny; JPEG of quality 60: restored"),
        (["--restore", "40"], "conv-arn-x3-tiny; JPEG of quality 60: restored by 40 %"),
        (["--restore", "off"], "conv-arn-x3-tiny"),
        (["--jpeg", "30", "--noise", "2.5"], "JPEG of quality 30, noise of 2.5: restored"),
    ):
        assert (
            main(["upscale", str(photo), "-o", str(out), "--model", "conv-arn-x3-tiny", *options])
            == 0
        )
        assert capsys.readouterr().out.endswith(f"{said}\n")


def test_json_says_it_of_each_picture(photo, tmp_path, capsys):
    Image.fromarray(np.full((40, 40), 9, np.uint8)).save(tmp_path / "grey.png")
    options = ["--model", "conv-arn-x3-tiny", "--restore", "50", "--json"]
    inputs = [str(photo), str(tmp_path / "grey.png")]
    assert main(["upscale", *inputs, "-o", f"{tmp_path}/large/", *options]) == 0
    pictures = json.loads(capsys.readouterr().out)["pictures"]
    assert [picture["restore"] for picture in pictures] == [
        {"jpeg": 60, "noise": None, "aliasing": None, "strength": 50},
        {"jpeg": None, "noise": None, "aliasing": None, "strength": 50},
    ]
    assert "restored" not in pictures[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--restore", "off", "--jpeg", "50"], "jpeg: has no effect with restore off"),
        (["--restore", "0", "--noise", "5"], "noise: has no effect with restore off"),
        (["--restore", "120"], "restore: expected auto, off or 0 to 100 per cent, received 120"),
        (["--jpeg", "0"], "jpeg: expected 1 to 100, received 0"),
        (["--noise", "-1"], "noise: expected 0 to 100, received -1"),
        (["--noise", "nan"], "noise: expected 0 to 100, received nan"),
        (["--restore", "50", "--back-project", "1"], "restore: is not possible with back-project"),
        (["--restore", "50", "--model", "aplus-x3"], "restore: aplus knows clean pictures only"),
        (["--jpeg", "50", "--model", "bicubic", "--scale", "2"], "restore: bicubic knows clean"),
    ],
)
def test_bad_options_are_one_line(photo, tmp_path, capsys, options, message):
    assert main(["upscale", str(photo), "-o", str(tmp_path / "out.png"), *options]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_scale_1_restores_without_enlarging(photo, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert main(["upscale", str(photo), "-o", str(out), "--scale", "1"]) == 0
    assert "JPEG of quality 60: restored" in capsys.readouterr().out
    before = opened(photo)
    assert opened(out).size == before.size
    assert not np.array_equal(np.array(opened(out)), np.array(before))
    assert main(["upscale", str(photo), "-o", str(out), "--scale", "1", "--restore", "off"]) == 0
    np.testing.assert_array_equal(np.array(opened(out)), np.array(before))


def test_jpegs_are_restored_nearer_to_the_original(coffee):
    hr = coffee[100:300, 200:400]
    upscaler = load_model("conv-arn-x2-tiny")
    whole = io.BytesIO()
    Image.fromarray(imresize(hr, 1 / 2)).save(whole, "JPEG", quality=50)

    def error(restore):
        result = np.array(upscaler.upscale(whole.getvalue(), restore=restore)).astype(float)
        return np.square(result - hr).mean()

    assert error("auto") < 0.9 * error("off")
    assert error("auto") < error(50) < error("off")


@pytest.mark.parametrize(("jpeg", "is_clean"), [(95, False), (96, True), (100, True)])
def test_jpeg_of_high_quality_is_enlarged_as_a_clean_picture(network, jpeg, is_clean):
    found = Restore().strengths(lambda: Strengths(jpeg=jpeg))
    assert found.is_clean == is_clean
    assert (network.restored(found) is network) == is_clean
    assert Restore(jpeg=jpeg).strengths(lambda: CLEAN) == Strengths(jpeg=jpeg)  # what is given
    both = Strengths(jpeg=jpeg, noise=3)
    assert Restore().strengths(lambda: both) == both
