"""Mutated models and checkpoints through our own readers: success, or our error of one line.

Those marked slow are whole campaigns. What they found lies in `golden/finds`, and is tried again
here; `docs/faults.md` has the counts.
"""

import json
import random
import zlib

import numpy as np
import pytest
from conftest import ROOT
from guard import BESIDE, Memory, guarded
from mutations import VALUES, mutated, mutated_header, safetensors_of

from sr_arn import InputError, load_model
from sr_arn.models.files import BUNDLED
from sr_arn.pictures.io import read_image
from sr_arn.regressors import APlusRegressor
from sr_arn.training.train import train_upscaler
from sr_arn.upscaling.loading import save_model

# as on the command line
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

FINDS = ROOT / "tests" / "golden" / "finds"


def counts(quick, long):
    """Return how many are tried here, and in a campaign."""
    return [pytest.param(quick, id="quick"), pytest.param(long, id="long", marks=pytest.mark.slow)]


def attempt(read, content, folder):
    """Read something wrong; return whether it could be read."""
    told = ""
    try:
        with guarded(folder), Memory() as memory:
            try:
                read()
            except InputError as error:
                told = str(error)
        assert told.isprintable()
        assert memory.peak <= 2 * len(content) + BESIDE
    except BaseException as error:
        find = FINDS.parent / f"new-find-{zlib.crc32(content):x}"
        find.write_bytes(content)
        raise AssertionError(f"{type(error).__name__}: {error}, kept as {find}") from error
    return not told


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A small model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    upscaler = train_upscaler(ROOT / "data", APlusRegressor(anchors=4), scale=2, max_samples=2000)
    save_model(folder / "patch.safetensors", upscaler)
    files = [folder / "patch.safetensors", BUNDLED / "conv-arn-x2-tiny.safetensors"]
    return [path.read_bytes() for path in files]


@pytest.mark.parametrize("count", counts(300, 50_000))
def test_mutated_models(models, tmp_path, count):
    path = tmp_path / "m.safetensors"
    image = np.zeros((9, 9), np.uint8)

    def read():
        load_model(path).upscale(image)

    for number, content in enumerate(models):
        dice, sound = random.Random(number), 0  # noqa: S311 - no secret
        path.write_bytes(content)
        read()
        for k in range(count):
            wrong = mutated_header(content, "sr_arn", dice) if k % 2 else mutated(content, dice)
            path.write_bytes(wrong)
            sound += attempt(read, wrong, tmp_path)
        assert 0 < sound < count


@pytest.mark.parametrize("count", counts(50, 2500))
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
        load_age_model(path)
        content, dice, sound = path.read_bytes(), random.Random(number), 0  # noqa: S311
        for k in range(count):
            wrong = mutated_header(content, "sr_arn_age", dice) if k % 2 else mutated(content, dice)
            path.write_bytes(wrong)
            sound += attempt(lambda: load_age_model(path), wrong, tmp_path)
        assert 0 < sound < count


@pytest.mark.parametrize("count", counts(300, 20_000))
def test_mutated_checkpoints(tmp_path, count):
    torch = pytest.importorskip("torch", reason='needs the extra "torch"')
    from sr_arn.nn.checkpoint import KEY, read_checkpoint, write_checkpoint

    layer, path = torch.nn.Linear(3, 2), tmp_path / "c.safetensors"
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    settings = {"recipe": {"epochs": 3}, "model": "m"}
    write_checkpoint(path, layer, optimiser, {}, settings, 2)

    def read():
        read_checkpoint(path, layer, optimiser, {}, settings, 3)

    read()
    content, dice, sound = path.read_bytes(), random.Random(0), 0  # noqa: S311
    for k in range(count):
        wrong = mutated_header(content, KEY, dice) if k % 2 else mutated(content, dice)
        path.write_bytes(wrong)
        sound += attempt(read, wrong, tmp_path)
    assert 0 < sound < count


JSON_OF_STRANGERS = [
    *(json.dumps(value) for value in VALUES),
    *("", "{", "[" * 100_000, '{"a":' * 100_000, "NaN", "1e999", '"\\ud800"', "9" * 5000),
    *('{"format_version": 1, "format_version": 2}', "\ufeff{}", '{"__class__": "os.system"}'),
]


@pytest.mark.parametrize("where", ["sr_arn", "sr_arn_age", "sr_arn_checkpoint"])
def test_any_json_in_a_header(tmp_path, where):
    """JSON is read of three headers, and of no other file: see `test_no_other_json_is_read`."""
    path = tmp_path / "m.safetensors"
    if where == "sr_arn":
        read = load_model
    else:
        torch = pytest.importorskip("torch", reason='needs the extra "torch"')
        from sr_arn.age.model_file import load_age_model
        from sr_arn.nn.checkpoint import read_checkpoint

        layer = torch.nn.Linear(1, 1)
        optimiser = torch.optim.Adam(layer.parameters())
        readers = {
            "sr_arn_age": load_age_model,
            "sr_arn_checkpoint": lambda path: read_checkpoint(path, layer, optimiser, {}, {}, 3),
        }
        read = readers[where]
    for text in JSON_OF_STRANGERS:
        content = safetensors_of({"__metadata__": {where: text}}, b"")
        path.write_bytes(content)
        assert not attempt(lambda: read(path), content, tmp_path)


def test_no_other_json_is_read():
    readers = {
        path.relative_to(ROOT / "sr_arn").as_posix()
        for path in (ROOT / "sr_arn").rglob("*.py")
        if "json.load" in path.read_text()
    }
    # that of the data sets came with the package
    assert readers == {"system/safetensors_header.py", "nn/checkpoint.py", "datasets/folders.py"}


@pytest.mark.parametrize("find", sorted(FINDS.iterdir()), ids=lambda find: find.name)
def test_finds_stay_mended(find, tmp_path):
    content = find.read_bytes()
    if find.suffix == ".safetensors":
        pytest.importorskip("torch", reason='needs the extra "torch"')
        from sr_arn.age.model_file import load_age_model

        attempt(lambda: load_model(find), content, tmp_path)
        attempt(lambda: load_age_model(find), content, tmp_path)
    else:
        attempt(lambda: read_image(content, max_pixels=10**6), content, tmp_path)


def test_the_check_can_fail(tmp_path, monkeypatch):
    import test_fuzz

    monkeypatch.setattr(test_fuzz, "FINDS", tmp_path / "finds")

    def broken():
        raise KeyError("x")

    def told_in_two_lines():
        raise InputError("a\nb")

    def greedy():
        np.ones(4 * BESIDE, np.uint8)

    for read in (broken, told_in_two_lines, greedy):
        with pytest.raises(AssertionError, match="kept as"):
            attempt(read, b"content", tmp_path)
    assert [p.read_bytes() for p in tmp_path.glob("new-find-*")] == [b"content"]
    assert attempt(lambda: None, b"", tmp_path)
