"""One model by several processes: the same as by one; and what happens when one is lost."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from faults import small_disk

torch = pytest.importorskip("torch", reason='needs the extra "torch"')
if not torch.distributed.is_available():
    pytest.skip("this torch trains in one process only", allow_module_level=True)

import ranks_cases  # noqa: E402
from ranks_cases import STOPPED  # noqa: E402

from sr_arn import load_model  # noqa: E402
from sr_arn.age.heads import HEADS  # noqa: E402
from sr_arn.cli import main  # noqa: E402
from sr_arn.cli import torchrun as torchruns  # noqa: E402
from sr_arn.nn.ranks import Ranks, first_to_tell  # noqa: E402
from sr_arn.nn.training import Shuffled  # noqa: E402
from sr_arn.training import conv_arn  # noqa: E402
from sr_arn.training.crops import Crops  # noqa: E402

PATIENCE = 240  # seconds, on a machine that has other work
ROUNDING = 2e-5  # of the largest number
TRAIN = ["--regressor", "deep-arn", "--anchors", "2", "--layers", "2", "--validation", "0"]
TRAIN += ["--device", "cpu", "--quiet"]
LONG = ["--epochs", "12"]
LOST = "another process of the training was lost, or torchrun was told to end"


@contextmanager
def torchrun(count, *arguments):
    """Start processes that torchrun leads; none is left in the end."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(count), *map(str, arguments)]
    process = subprocess.Popen(  # noqa: S603 - our own
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()  # and torchrun ends the others
        process.communicate(timeout=PATIENCE)


def ended(process):
    """Wait; return what was printed, our lines of it on stderr, and the exit codes of all."""
    out, err = process.communicate(timeout=PATIENCE)
    assert "sr_arn/" not in err, err  # no traceback goes through our files
    lines = [line for line in err.splitlines() if line.startswith(("sr-arn: ", "go on"))]
    return out, lines, [int(code) for code in re.findall(r"exitcode +: (-?\d+)", err)]


def rank_of(process, rank):
    """Return the process id of a rank."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        if f"RANK={rank}" in Path(f"/proc/{child}/environ").read_text().split("\0"):
            return int(child)
    raise AssertionError(f"no rank {rank} among {children}")


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


# --- the same as one process -------------------------------------------------------


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """What one process makes of all cases, and the folder with its checkpoint."""
    folder = tmp_path_factory.mktemp("one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv_arn, "BATCHES", 8)
        return ranks_cases.results(folder), folder / f"kept.{STOPPED}"


@pytest.fixture(scope="module", params=[2, pytest.param(3, marks=pytest.mark.slow)])
def many(request, one, tmp_path_factory):
    """What each of several ranks makes of them, and the folder with their checkpoint."""
    folder = tmp_path_factory.mktemp("many")
    shutil.copy(one[1], folder / STOPPED)
    with torchrun(request.param, ranks_cases.__file__, folder) as process:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
    assert out == ""
    return [dict(np.load(folder / f"{r}.npz")) for r in range(request.param)], folder


def assert_alike(actual, expected, tolerance=ROUNDING):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


CASES = ["arn", "deep", "conv", "conv of one crop", "one by one"]
CASES += [f"age {head}" for head in HEADS]


@pytest.mark.parametrize("case", CASES)
def test_losses_and_numbers_are_those_of_one_process(one, many, case):
    names = [name for name in one[0] if name.startswith(f"{case} ")]
    assert names
    tolerance = 0.01 if case == "age pml" else ROUNDING  # each rank gathers statistics of its own
    for name in names:
        assert_alike(many[0][0][name], one[0][name], tolerance)


def test_ranks_end_with_the_same_numbers_and_the_first_alone_is_observed(many):
    first, *others = many[0]
    for name in first:
        for other in others:
            if name.endswith("losses"):
                assert len(other[name]) == 0 < len(first[name])
            else:
                np.testing.assert_array_equal(other[name], first[name])


def test_norms_see_their_own_share(one, many):
    change = np.abs(many[0][0]["norm losses"] - one[0]["norm losses"]) / one[0]["norm losses"]
    assert 1e-5 < change.max() < 0.2


def test_a_checkpoint_of_one_process_is_resumed_by_many(one, many):
    assert_alike(many[0][0]["resumed losses"], one[0]["deep losses"][1:])
    for name in ranks_cases.deep().array_axes:
        assert_alike(many[0][0][f"resumed {name}"], one[0][f"deep {name}"])


def test_a_checkpoint_of_many_is_resumed_by_one_process(one, many):
    found = ranks_cases.of_rows(ranks_cases.deep(), [], resume=many[1] / f"kept.{STOPPED}")
    for name, array in found.items():
        assert_alike(array, one[0][f"deep {name}"])


def test_refused_by_all(many):
    for rank in many[0]:
        assert "the loss is nan in epoch 1" in str(rank["refused: wild"])
        assert "expected the same images, options" in str(rank["refused: differing"])
        assert "expected at least 2 faces for each of" in str(rank["refused: few"])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [1, 2, 5, 6])
def test_shares_are_the_whole_once(rows, count):
    assert Ranks.present() == Ranks(0, 1)
    shares = [Ranks(rank, count).share(rows) for rank in range(count)]
    assert sum(part for _, part in shares) == pytest.approx(1)
    taken = [row for share, part in shares for row in np.arange(rows)[share] if part]
    assert sorted(taken) == [*range(rows)]
    assert all(len(np.arange(rows)[share]) >= 1 for share, _ in shares)


@pytest.mark.parametrize("kind", ["crops", "rows"])
def test_a_share_of_batches_is_the_rows_of_the_whole(planes, kind):
    rows = torch.arange(23.0)[:, None]
    batches = Crops(planes, 3, 8, 5, 3, 0) if kind == "crops" else Shuffled(rows, -rows, 5, 0)
    whole = list(batches.epoch(1, torch.device("cpu")))
    for share in (slice(0, None, 2), slice(1, None, 2), slice(4, None, 5)):
        parts = list(batches.epoch(1, torch.device("cpu"), share))
        for part, every in zip(parts, whole, strict=True):
            for side, all_rows in zip(part, every, strict=True):
                assert torch.equal(side, all_rows[share])


# --- from the command line ---------------------------------------------------------


def arrays_of(path):
    return load_model(path, scale=3).model.regressor.arrays()


@pytest.fixture(scope="module")
def whole(parts, tmp_path_factory):
    """The model of one process that nothing disturbs."""
    path = tmp_path_factory.mktemp("whole") / "m.safetensors"
    assert main(["train", str(parts), "-o", str(path), *TRAIN, *LONG]) == 0
    return path


def kill_rank(rank):
    return lambda process: os.kill(rank_of(process, rank), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who is who")
@pytest.mark.parametrize(
    ("count", "disturb"),
    [
        pytest.param(2, kill_rank(1), id="last"),
        pytest.param(2, kill_rank(0), id="first", marks=pytest.mark.slow),
        pytest.param(3, kill_rank(1), id="of-three", marks=pytest.mark.slow),
        pytest.param(2, subprocess.Popen.terminate, id="torchrun", marks=pytest.mark.slow),
    ],
)
def test_a_rank_is_killed_and_one_process_goes_on(parts, whole, tmp_path, count, disturb):
    model, checkpoint = tmp_path / "m.safetensors", tmp_path / "m.checkpoint.safetensors"
    with torchrun(count, "-m", "sr_arn", "train", parts, "-o", model, *TRAIN, *LONG) as process:
        wait_for(checkpoint, process)
        disturb(process)
        out, lines, codes = ended(process)
    assert process.returncode == 1
    assert lines == [f"sr-arn: error: {LOST}; go on with --resume {checkpoint}"]
    assert set(codes) <= {2, -signal.SIGKILL}
    assert (out, model.exists()) == ("", False)
    parts_of_files = len(list(tmp_path.glob(".*")))
    assert parts_of_files == 0 or (parts_of_files == 1 and -signal.SIGKILL in codes)  # of rank 0
    assert (
        main(["train", str(parts), "-o", str(model), *TRAIN, *LONG, "--resume", str(checkpoint)])
        == 0
    )
    for name, array in arrays_of(whole).items():
        assert_alike(arrays_of(model)[name], array, 1e-3)  # Adam's, in a thousand steps


@pytest.mark.slow
def test_ctrl_c(parts, tmp_path):
    model, checkpoint = tmp_path / "m.safetensors", tmp_path / "m.checkpoint.safetensors"
    with torchrun(2, "-m", "sr_arn", "train", parts, "-o", model, *TRAIN, *LONG) as process:
        wait_for(checkpoint, process)
        process.send_signal(signal.SIGINT)
        _, lines, _ = ended(process)
    assert lines == [f"go on with --resume {checkpoint}", "sr-arn: interrupted"]


@pytest.mark.slow
def test_a_disk_that_is_full_under_the_first_rank(parts, whole, tmp_path):
    small, size = tmp_path / "small", whole.stat().st_size
    small.mkdir()
    with small_disk(small, 3 * size * 3 // 2 // 1024):  # of one checkpoint, not of two
        command = ("-m", "sr_arn", "train", parts, "-o", small / "m.safetensors", *TRAIN, *LONG)
        with torchrun(2, *command) as process:
            _, lines, codes = ended(process)
        assert [path.name for path in small.glob("*.safetensors")] == ["m.checkpoint.safetensors"]
    assert len(lines) == 1, lines
    assert "No space left on device" in lines[0]
    assert codes == [2, 2]


def test_an_error_is_told_once(tmp_path):
    command = ("-m", "sr_arn", "train", "nowhere", "-o", tmp_path / "m.safetensors", *TRAIN)
    with torchrun(2, *command) as process:
        out, lines, codes = ended(process)
    assert lines == ["sr-arn: error: images: expected a folder, nowhere does not exist"]
    assert (process.returncode, out, codes) == (1, "", [2, 2])
    assert not list(tmp_path.iterdir())


@pytest.fixture
def as_rank(monkeypatch):
    """Return a function that makes this process a rank of two, as torchrun tells."""
    store = torch.distributed.TCPStore("localhost", 0, is_master=True)
    usual = signal.getsignal(signal.SIGTERM)

    def be(rank):
        torchruns.speaks.cache_clear()  # once in the life of a process
        told = {
            "WORLD_SIZE": 2,
            "RANK": rank,
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": store.port,
        }
        for name, value in told.items():
            monkeypatch.setenv(name, str(value))

    yield be
    torchruns.speaks.cache_clear()
    signal.signal(signal.SIGTERM, usual)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("option", ["aplus", "global-arn", "none"])
def test_what_needs_no_torch_is_refused_by_one(as_rank, parts, tmp_path, capsys, option, first):
    for rank in (first, 1 - first):
        as_rank(rank)
        try:
            code = main(
                ["train", str(parts), "-o", str(tmp_path / "m.safetensors"), "--regressor", option]
            )
        except SystemExit as error:
            code = error.code
        assert code == 2
        err = capsys.readouterr().err
        assert err.count("\n") == (rank == first), err
        if rank == first:
            told = "expected one of" if option == "none" else f"{option} is trained by one process"
            assert err.startswith(f"sr-arn: error: regressor: {told}")


def test_an_unknown_option_is_told_once(as_rank, capsys):
    for rank, lines in ((1, 1), (0, 0)):
        as_rank(rank)
        with pytest.raises(SystemExit, match="2"):
            main(["train", "--what"])
        assert capsys.readouterr().err.count("\n") == lines


@pytest.mark.parametrize("lacking", ["WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_a_stray_variable_is_not_torchrun(as_rank, monkeypatch, lacking):
    as_rank(1)
    assert (torchruns.processes(), torchruns.is_first()) == (2, False)
    monkeypatch.delenv(lacking)
    assert (torchruns.processes(), torchruns.is_first()) == (1, True)
    assert torchruns.speaks()


def test_where_the_store_is_gone_all_tell(monkeypatch):
    monkeypatch.delenv("MASTER_PORT", raising=False)
    assert first_to_tell()


def test_ages(tmp_path):
    from PIL import Image

    (tmp_path / "images").mkdir()
    rows = ["file,age"]
    for age in range(30, 54):
        face = np.random.default_rng(age).integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(face).save(tmp_path / "images" / f"{age}.png")
        rows.append(f"{age}.png,{age}")
    (tmp_path / "train.csv").write_text("\n".join(rows))
    model = tmp_path / "m.safetensors"
    command = ["age", "train", "--data", f"utkface:{tmp_path}", "-o", model, "--head", "ssr"]
    with torchrun(2, "-m", "sr_arn", *command, "--epochs", 2, "--batch-size", 5) as process:
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
    assert out.count("mean absolute error") == 1
    assert err.count("epoch 2 of 2: ") == 1
    from sr_arn.age.model_file import load_age_model

    assert all(p.isfinite().all() for p in load_age_model(model).model.parameters())
