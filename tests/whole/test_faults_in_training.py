"""Faults while torch trains: what is killed goes on to the same bits; a full disk loses nothing."""

import random

import pytest
from faults import files, killed, run, small_disk, start, told_in_one_line

from sr_arn.cli import main

pytest.importorskip("torch", reason='needs the extra "torch"')

FORMS = {
    "conv-arn": ("--channels", 4, "--layers", 2, "--anchors", 2, "--epochs", 3),
    "arn": ("--anchors", 4, "--epochs", 6),
    "deep-arn": ("--anchors", 2, "--layers", 2, "--epochs", 4),
}
QUICK, LONG = 2, 20  # moments to be killed at
CASES = [
    pytest.param("deep-arn", QUICK, id="deep-arn-quick"),
    *(pytest.param(form, LONG, id=f"{form}-long", marks=pytest.mark.slow) for form in FORMS),
]


@pytest.fixture(scope="module")
def training(parts, request):
    """The arguments that train a form of ARN."""
    common = ("--validation", 0, "--quiet", "--device", "cpu")
    return ["train", parts, "--regressor", request.param, *FORMS[request.param], *common]


@pytest.fixture(scope="module")
def whole(training, tmp_path_factory):
    """The model of a training that nothing disturbs."""
    path = tmp_path_factory.mktemp("whole") / "m.safetensors"
    here(*training, "-o", path)
    return path.read_bytes()


def here(*arguments):
    """Run the command line in this process, where torch is loaded already."""
    assert main([*map(str, arguments)]) == 0


@pytest.mark.parametrize(("training", "moments"), CASES, indirect=["training"])
def test_killed_while_training(training, whole, tmp_path, moments):
    model, checkpoint = tmp_path / "m.safetensors", tmp_path / "m.checkpoint.safetensors"
    dice, number = random.Random(0), 0  # noqa: S311 - no secret
    while number < moments:
        before = checkpoint.read_bytes() if checkpoint.exists() else None
        resume = ["--resume", checkpoint] if before else []

        def has_gone_on(before=before):
            return checkpoint.exists() and checkpoint.read_bytes() != before

        process = start(*training, "-o", model, *resume)
        number += killed(process, has_gone_on, dice, 0.3)
        if model.exists():  # it was done before it was killed
            assert model.read_bytes() == whole
            model.unlink()
        else:
            assert has_gone_on()
    if checkpoint.exists():
        here(*training, "-o", model, "--resume", checkpoint)
        assert model.read_bytes() == whole


@pytest.mark.parametrize("training", ["deep-arn"], indirect=True)
def test_a_disk_that_is_full_under_a_checkpoint(training, whole, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    model, checkpoint = small / "m.safetensors", small / "m.checkpoint.safetensors"
    # the first checkpoint has room, and the second, written before the first goes, has none
    with small_disk(small, 3 * len(whole) * 3 // 2 // 1024):
        result = run(*training, "-o", model)
        told_in_one_line(result, "m.checkpoint.safetensors", "No space left on device")
        kept = files(small)
        assert not list(small.glob(".*"))
    assert "m.safetensors" not in kept
    checkpoint.write_bytes(kept[checkpoint.name])
    here(*training, "-o", model, "--resume", checkpoint)
    assert model.read_bytes() == whole
