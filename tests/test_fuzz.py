"""Mutated files through our own readers: success, or our error of one line. Nothing else.

Those marked slow are whole campaigns: 100,000 models, 10,000 pictures of each kind. What they found
lies in `golden/finds`, and is tried again here.
"""

import random
import time
import zlib
from io import BytesIO

import numpy as np
import pytest
from conftest import ROOT
from mutations import mutated, mutated_header
from PIL import Image

from sr_arn import InputError, load_model
from sr_arn.image_io import read_image, write_image
from sr_arn.model_file import BOX, save_model
from sr_arn.picture import Picture
from sr_arn.regressors import APlusRegressor
from sr_arn.train import train_upscaler

# as on the command line
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

FINDS = ROOT / "tests" / "golden" / "finds"
LONGEST = 10.0  # seconds of one file
MODELS = [pytest.param(300, id="quick"), pytest.param(50_000, id="long", marks=pytest.mark.slow)]
PICTURES = [pytest.param(60, id="quick"), pytest.param(10_000, id="long", marks=pytest.mark.slow)]
KINDS = ("PNG", "PNG 16", "JPEG", "TIFF", "TIFF tiff_lzw", "TIFF 16", "WebP", "GIF", "BMP", "AVIF")


def attempt(read, content, number):
    """Read something wrong; return whether it could be read."""
    start, told = time.perf_counter(), ""
    try:
        read()
    except InputError as error:
        told = str(error)
    except Exception as error:
        find = FINDS.parent / f"new-find-{zlib.crc32(content):x}"
        find.write_bytes(content)
        raise AssertionError(f"{type(error).__name__}: {error}, kept as {find}") from error
    assert told.isprintable(), number
    assert time.perf_counter() - start < LONGEST, number
    return not told


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A small model of each kind, by the key of its header."""
    folder = tmp_path_factory.mktemp("models")
    upscaler = train_upscaler(ROOT / "data", APlusRegressor(anchors=4), 2, max_samples=2000)
    save_model(folder / "patch.safetensors", upscaler)
    files = [folder / "patch.safetensors", BOX / "conv-arn-x2-tiny.safetensors"]
    return [(path.read_bytes(), "sr_arn") for path in files]


@pytest.mark.parametrize("count", MODELS)
def test_mutated_models(models, tmp_path, count):
    path = tmp_path / "m.safetensors"
    image = np.zeros((9, 9), np.uint8)
    for number, (content, key) in enumerate(models):
        dice, sound = random.Random(number), 0  # noqa: S311 - no secret
        for k in range(count):
            wrong = mutated_header(content, key, dice) if k % 2 else mutated(content, dice)
            path.write_bytes(wrong)

            def read():
                upscaler = load_model(path)
                upscaler.upscale(image)

            sound += attempt(read, wrong, k)
        assert 0 < sound < count


@pytest.mark.parametrize("count", MODELS)
def test_mutated_age_models(tmp_path, count):
    pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.age.model import Plan
    from sr_arn.age.model_file import SavedModel, load_age_model, save_age_model

    path = tmp_path / "m.safetensors"
    plans = [
        Plan("residual", "arn", {"width": 1, "blocks": 1}, {"anchors": 3}),
        Plan("ssrnet", "ssr"),
        Plan("residual", "dex", {"width": 1, "blocks": 1}, {"values": [20, 40.0, 60]}),
        Plan("residual", "energy", {"width": 1, "blocks": 1}, {"samples": 4, "hidden": [4]}),
    ]
    for number, plan in enumerate(plans):
        save_age_model(path, SavedModel(plan.build(), plan, 64, 0.0, {}, 5.0))
        content, dice, sound = path.read_bytes(), random.Random(number), 0  # noqa: S311
        for k in range(count // 5):
            wrong = mutated_header(content, "sr_arn_age", dice) if k % 2 else mutated(content, dice)
            path.write_bytes(wrong)
            sound += attempt(lambda: load_age_model(path), wrong, k)
        assert 0 < sound < count // 5


@pytest.mark.parametrize("count", MODELS)
def test_mutated_checkpoints(tmp_path, count):
    torch = pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.nn.checkpoint import KEY, read_checkpoint, write_checkpoint

    layer, path = torch.nn.Linear(3, 2), tmp_path / "c.safetensors"
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    settings = {"recipe": {"epochs": 3}, "model": "m"}
    write_checkpoint(path, layer, optimiser, {}, settings, 2)
    content, dice, sound = path.read_bytes(), random.Random(0), 0  # noqa: S311
    for k in range(count):
        wrong = mutated_header(content, KEY, dice) if k % 2 else mutated(content, dice)
        path.write_bytes(wrong)

        def read():
            read_checkpoint(path, layer, optimiser, {}, settings, 3)

        sound += attempt(read, wrong, k)
    assert 0 < sound < count


def encoded(kind, pixels, folder):
    """Return a picture as a file of a kind, with metadata that may go wrong too."""
    name, _, option = kind.partition(" ")
    if option == "16":
        path = folder / f"a.{name.lower()}"
        write_image(path, Picture(pixels.astype(np.uint16) * 257))
        return path.read_bytes()
    stream, exif = BytesIO(), Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a cup"
    options = {} if name in ("BMP", "GIF") else {"exif": exif}
    if option:
        options["compression"] = option
    Image.fromarray(pixels).save(stream, name, **options)
    return stream.getvalue()


@pytest.mark.parametrize("count", PICTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_pictures(coffee, tmp_path, kind, count):
    content = encoded(kind, coffee[:24, :31], tmp_path)
    dice, sound = random.Random(0), 0  # noqa: S311
    read_image(content)
    for k in range(count):
        wrong = mutated(content, dice)
        sound += attempt(lambda wrong=wrong: read_image(wrong, 10**6), wrong, k)
    assert sound < count


@pytest.mark.parametrize("find", sorted(FINDS.iterdir()), ids=lambda find: find.name)
def test_finds_stay_mended(find):
    content = find.read_bytes()
    if find.suffix == ".safetensors":
        pytest.importorskip("torch", reason='needs the extra "torch"')
        from sr_arn.age.model_file import load_age_model

        attempt(lambda: load_model(find), content, find.name)
        attempt(lambda: load_age_model(find), content, find.name)
    else:
        attempt(lambda: read_image(content, 10**6), content, find.name)


def test_the_check_can_fail(tmp_path, monkeypatch):
    import test_fuzz

    monkeypatch.setattr(test_fuzz, "FINDS", tmp_path / "finds")

    def broken():
        raise KeyError("x")

    with pytest.raises(AssertionError, match=r"KeyError: .*, kept as"):
        attempt(broken, b"content", 0)
    assert [p.read_bytes() for p in tmp_path.glob("new-find-*")] == [b"content"]
    assert attempt(lambda: None, b"", 0)
