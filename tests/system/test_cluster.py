"""Work spread over Dask's workers: the same bytes, however many they are and whoever dies."""

import operator
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import SHIPPED, opened
from PIL import Image

import sr_arn.training.patch_samples
import sr_arn.upscaling.batch
from sr_arn import load_model
from sr_arn.errors import InputError, UnavailableError
from sr_arn.regressors import APlusRegressor, GlobalARNRegressor
from sr_arn.regressors.base import Regressor
from sr_arn.regressors.samples import Held, Spread
from sr_arn.system.cluster import Cluster, WorkersDied, open_cluster
from sr_arn.training.train import train_upscaler
from sr_arn.upscaling.batch import Job, skip_existing
from sr_arn.upscaling.file_upscaler import FileUpscaler
from sr_arn.upscaling.naming import naming
from sr_arn.upscaling.schedule import Schedule
from sr_arn.upscaling.sizes import Size

distributed = pytest.importorskip("distributed")

CLI = [sys.executable, "-m", "sr_arn"]
MODEL = "deep-arn-x2"
PATIENCE = 240  # seconds that anything may take


@pytest.fixture(scope="module")
def cluster():
    """Two workers."""
    with open_cluster(2, None) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def one():
    """One worker."""
    with open_cluster(1, None) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def photos(tmp_path_factory, coffee):
    """A folder of small pictures of several kinds, and one that is damaged."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(8):
        part = coffee[20 * number :][: 60 + 7 * number, : 90 - 5 * number]
        suffix = (".png", ".jpg", ".tif", ".webp")[number % 4]
        Image.fromarray(part if number % 3 else part[..., 0]).save(folder / f"{number}{suffix}")
    (folder / "damaged.png").write_bytes((folder / "0.png").read_bytes()[:200])
    return folder


def jobs_of(photos, folder):
    names = naming(None, Size(), 2, None)
    return [Job(path, folder / names.name_of(path)) for path in sorted(photos.iterdir())]


@pytest.fixture(scope="module")
def alone(photos, tmp_path_factory):
    """What one process makes of them: the outcomes but their times, and the files."""
    folder = tmp_path_factory.mktemp("alone")
    outcomes = list(sr_arn.upscaling.batch.run(jobs_of(photos, folder), FileUpscaler(MODEL)))
    return told(outcomes), files(folder)


def told(outcomes):
    return [(Path(o.target).name, o.status, o.width, o.height, o.model) for o in outcomes]


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}


def fast(n):
    return n * n


def late_if_even(n):
    time.sleep(0.05 * (n % 2 == 0))
    return n


def fail(n):
    if n == 2:
        raise InputError("two: is not wanted")
    return n


def die(n):
    os._exit(n)


# --- the cluster -------------------------------------------------------------------


def test_results_come_in_order_and_items_are_taken_as_needed(cluster):
    taken = []

    def items():
        for n in range(60):
            taken.append(n)
            yield (n,)

    results = cluster.in_order(late_if_even, items())
    assert taken == []
    assert next(results) == 0
    assert len(taken) <= 4 * cluster.threads + 1
    assert list(results) == list(range(1, 60))


def test_a_failure_is_raised_in_its_place(cluster):
    results = cluster.in_order(fail, ((n,) for n in range(5)))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InputError, match=r"^two: is not wanted$"):
        next(results)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_sums_keep_their_order(cluster, count):
    letters = "abcdefgh"[:count]
    kept = [cluster.keep(str, letter) for letter in letters]
    assert cluster.total(kept, operator.add) == letters


def test_what_is_kept_goes_into_other_tasks(cluster):
    kept = cluster.keep(fast, 3)
    assert list(cluster.in_order(operator.add, ((kept, n) for n in range(3)))) == [9, 10, 11]


def test_an_item_that_workers_die_of_is_told_of(cluster, monkeypatch):
    monkeypatch.setattr(cluster.client.cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(WorkersDied, match="died of it"):
        list(cluster.in_order(die, [(1,)]))


def test_an_item_that_workers_die_of_does_not_stop_the_others(cluster):
    items = [(fast, 3), (die, 1), (fast, 4)]
    found = cluster.in_order(_call, items, instead=lambda item, error: f"{item[1]} {error}")
    assert list(found) == [9, "1 workers of the cluster died of it, one after another", 16]


def _call(work, n):
    return work(n)


def test_workers_of_another_version_are_told_of(cluster, monkeypatch):
    monkeypatch.setattr(cluster, "version", "0.0.1")
    with pytest.raises(
        UnavailableError, match=r"a worker has sr-arn .*, expected 0\.0\.1; install that"
    ):
        cluster.result(cluster.keep(fast, 1))


def test_who_cannot_be_reached_is_told_of(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:  # where nobody answers
        closed = taken.getsockname()[1]
    for url, reason in (
        (f"tcp://127.0.0.1:{closed}", "cannot be reached"),
        ("nonsense", "missing port"),
        ("foo://host:1", "unknown address scheme"),
    ):
        monkeypatch.setattr("sr_arn.system.cluster.CONNECT_TIMEOUT", 1)
        refused = pytest.raises(UnavailableError, match=f"^scheduler: .*{reason}")
        with refused, open_cluster(None, url):
            pass
    with pytest.raises(InputError, match="give one of the two"), open_cluster(2, "tcp://a:1"):
        pass
    with pytest.raises(InputError, match="workers: expected an integer"), open_cluster(0, None):
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UnavailableError, match=r"sr-arn\[distributed\]"), open_cluster(2, None):
        pass
    with open_cluster(None, None) as none:
        assert none is None


def test_workers_of_ones_own_let_nobody_else_in(cluster):
    assert cluster.address.startswith("tls://127.0.0.1:")
    refused = pytest.raises(UnavailableError, match="cannot be reached")
    with refused, open_cluster(None, cluster.address):
        pass  # without its certificate


# --- pictures ----------------------------------------------------------------------


def test_a_folder_by_workers(cluster, photos, alone, tmp_path):
    jobs = jobs_of(photos, tmp_path / "new")
    outcomes = list(
        sr_arn.upscaling.batch.run(jobs, FileUpscaler(MODEL, schedule=Schedule(cluster=cluster)))
    )
    assert told(outcomes) == alone[0]
    assert [o.status for o in outcomes] == ["done"] * 8 + ["failed"]
    assert outcomes[-1].reason.startswith(f"{photos / 'damaged.png'}: damaged")
    assert files(tmp_path / "new") == alone[1]
    assert [(o.source, o.target) for o in outcomes] == [
        (str(j.source), str(j.target)) for j in jobs
    ]
    again = sr_arn.upscaling.batch.run(
        jobs, FileUpscaler(MODEL, schedule=Schedule(cluster=cluster)), skip=skip_existing
    )
    assert [o.status for o in again] == ["skipped"] * 8 + ["failed"]


def test_huge_pictures_are_shared_by_all(cluster, photos, alone, tmp_path, monkeypatch):
    monkeypatch.setattr(sr_arn.upscaling.batch, "HUGE", 6000)
    here, real = [], FileUpscaler.__call__

    def noted(self, source, *arguments, **options):
        here.append(source)
        return real(self, source, *arguments, **options)

    monkeypatch.setattr(FileUpscaler, "__call__", noted)  # of this process alone
    enlarge = FileUpscaler(MODEL, schedule=Schedule(cluster=cluster, tile=32))
    outcomes = list(sr_arn.upscaling.batch.run(jobs_of(photos, tmp_path), enlarge))
    assert told(outcomes) == alone[0]
    assert files(tmp_path) == alone[1]
    *whole, _ = sorted(photos.iterdir())
    expected = [path for path in whole if np.prod(opened(path).size) > 6000]
    assert here == expected
    assert 2 < len(expected) < 8


def test_too_large_is_too_large_on_a_cluster_too(cluster, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(sr_arn.upscaling.batch, "HUGE", 100)
    enlarge = FileUpscaler(MODEL, schedule=Schedule(cluster=cluster), max_pixels=3000)
    outcomes = list(sr_arn.upscaling.batch.run(jobs_of(photos, tmp_path), enlarge))
    assert {o.status for o in outcomes} == {"failed"}
    assert all("more than 3,000" in o.reason for o in outcomes)


@pytest.mark.parametrize("kind", ["L", "LA", "RGB", "RGBA", "I;16", "float"])
def test_tiles_by_workers_are_those_of_threads(cluster, coffee, kind):
    rng = np.random.default_rng(0)
    image = coffee[:70, :90]
    image = {
        "L": image[..., 0],
        "LA": np.dstack([image[..., 0], rng.integers(0, 256, image.shape[:2])]).astype(np.uint8),
        "RGB": image,
        "RGBA": np.dstack([image, rng.integers(0, 256, image.shape[:2])]).astype(np.uint8),
        "I;16": image.astype(np.uint16) * 257,
        "float": image.astype(np.float32) / 255,
    }[kind]
    expected = load_model(MODEL).upscale(image)
    upscaler = load_model(MODEL, schedule=Schedule(cluster=cluster, tile=32))
    found = upscaler.upscale(image)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_a_model_of_a_file_travels_to_the_workers(cluster, photos, tmp_path):
    copy = tmp_path / "mine.safetensors"
    copy.write_bytes(
        (Path(sr_arn.__file__).parent / "weights" / f"{MODEL}.safetensors").read_bytes()
    )
    enlarge = FileUpscaler(str(copy), schedule=Schedule(cluster=cluster))
    enlarge.prepare()
    copy.unlink()  # as on another machine
    jobs = jobs_of(photos, tmp_path)[:2]
    assert [o.status for o in sr_arn.upscaling.batch.run(jobs, enlarge)] == ["done", "done"]
    expected = FileUpscaler(MODEL)
    expected(jobs[0].source, tmp_path / "expected.png")
    assert jobs[0].target.read_bytes() == (tmp_path / "expected.png").read_bytes()


def test_a_worker_killed_amid_the_pictures(cluster, photos, alone, tmp_path):
    enlarge = FileUpscaler(MODEL, schedule=Schedule(cluster=cluster))
    outcomes = sr_arn.upscaling.batch.run(jobs_of(photos, tmp_path), enlarge)
    first = next(outcomes)
    os.kill(next(iter(cluster.client.run(os.getpid).values())), signal.SIGKILL)
    assert told([first, *outcomes]) == alone[0]
    assert files(tmp_path) == alone[1]


# --- the command line, and a scheduler of its own ---------------------------------------


def run(*arguments):
    return subprocess.run(  # noqa: S603 - our own
        [*CLI, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=PATIENCE
    )


def started(command, **streams):
    streams = streams or {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, **streams)  # noqa: S603 - our own


@contextmanager
def scheduler_and_workers(folder, workers=2):
    """Start `dask scheduler` and `dask worker`; give the scheduler's process and address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    dask, here = [sys.executable, "-m", "dask"], ["--host", "127.0.0.1", "--no-dashboard"]
    port = address.rpartition(":")[2]
    place = ["--nthreads", "1", "--death-timeout", "9", "--local-directory", str(folder)]
    commands = [
        [*dask, "scheduler", *here, "--port", port],
        *[[*dask, "worker", address, *here, *place]] * workers,
    ]
    with ExitStack() as stack:
        processes = [stack.enter_context(started(command)) for command in commands]
        try:
            yield processes[0], address
        finally:
            for process in reversed(processes):  # workers tell their children
                process.terminate()


def test_the_command_line_with_workers_of_its_own(photos, alone, tmp_path):
    result = run("upscale", photos, "-o", tmp_path / "o", "--model", MODEL, "--workers", 2)
    assert result.returncode == 1, result.stderr  # one is damaged
    assert "8 done, 0 skipped, 1 failed" in result.stdout
    assert "Traceback" not in result.stderr
    assert files(tmp_path / "o") == alone[1]


def test_nothing_is_said_that_was_not_asked_for(photos, tmp_path):
    result = run(
        *("upscale", photos / "0.png", "-o", tmp_path / "0.png", "--model", "aplus-x3"),
        *("--workers", "1", "--quiet"),
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="of POSIX")
def test_ctrl_c_at_a_terminal(photos, tmp_path):
    process = subprocess.Popen(  # noqa: S603 - our own
        [*CLI, "upscale", photos, "-o", tmp_path, "--ensemble", "--workers", "2", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + PATIENCE
    while not files(tmp_path):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # all that run there, the workers too
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert out == ""
    assert err.splitlines()[-1] == "sr-arn: interrupted"
    assert "Traceback" not in err
    assert len(list(tmp_path.iterdir())) == len(files(tmp_path)) < 8  # nothing half-written


def test_a_scheduler_that_is_lost_is_told_of_and_the_rest_done_later(photos, alone, tmp_path):
    out = tmp_path / "out"
    command = ["upscale", photos, "-o", out, "--model", MODEL, "--skip-existing"]
    with scheduler_and_workers(tmp_path) as (scheduler, address):
        process = started(
            [*CLI, *map(str, command), "--ensemble", "--scheduler", address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        until = time.monotonic() + PATIENCE
        while not out.is_dir() or not files(out):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        scheduler.kill()
        _, stderr = process.communicate(timeout=PATIENCE)
    lines = [line for line in stderr.splitlines() if line.startswith("sr-arn: error: ")]
    assert lines == [f"sr-arn: error: scheduler {address}: was lost"], stderr
    assert "go on with --skip-existing" in stderr
    assert "Traceback" not in stderr
    assert process.returncode == 2
    done = files(out)
    assert 0 < len(done) < 8
    assert run(*command, "--ensemble", "--quiet").returncode == 1
    assert files(out).items() >= done.items()
    assert len(files(out)) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--jobs", "2"], "jobs: is for one process"),
        (["--device", "cuda"], "device: is for one process"),
        (["--scheduler", "tcp://127.0.0.1:1"], "give one of the two"),
    ],
)
def test_options_that_do_not_go_together(photos, tmp_path, options, message):
    result = run("upscale", photos, "-o", tmp_path, "--workers", "2", *options)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


# --- training ----------------------------------------------------------------------


REGRESSORS = {
    "A+": lambda: APlusRegressor(24, neighbours=300, dictionary_samples=2000),
    "global ARN": lambda: GlobalARNRegressor(24, rank=12, dictionary_samples=2000),
    "global ARN, exact": lambda: GlobalARNRegressor(8, rank=None, dictionary_samples=2000),
    "distances": lambda: GlobalARNRegressor(
        8, similarity="neg_sqdist", rank=None, regularisation=1.0
    ),
}
SETTINGS = {"scale": 2, "max_samples": 9000}


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A folder of five small pictures, and one that is too small."""
    folder = tmp_path_factory.mktemp("several")
    for number, path in enumerate([*sorted(SHIPPED.glob("*.png"))] * 2):
        box = (150 + 20 * number, 100, 210 + 20 * number, 148 + 4 * number)
        opened(path).crop(box if number else (0, 0, 8, 8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def in_many_parts(monkeypatch):
    monkeypatch.setattr(sr_arn.training.patch_samples, "PART", 1500)
    monkeypatch.setattr(sr_arn.training.patch_samples, "AT_A_TIME", 2)


def arrays_of(upscaler):
    return {"features": upscaler.model.features.projection_, **upscaler.model.regressor.arrays()}


def assert_alike(found, expected):
    """Check anchors, and what is made of a picture; regressors may be poorly determined."""
    theirs = arrays_of(found)
    for key, array in arrays_of(expected).items():
        assert (theirs[key].dtype, theirs[key].shape) == (array.dtype, array.shape)
        if key in ("features", "anchors"):
            np.testing.assert_allclose(theirs[key], array, atol=1e-5)
    lr = opened(SHIPPED / "camera.png").convert("L").crop((100, 100, 200, 180))
    lr = np.array(lr, np.float32) / 255
    ours = found.upscale_luminance(lr)
    np.testing.assert_allclose(ours, expected.upscale_luminance(lr), atol=1e-5)


@pytest.mark.parametrize("name", REGRESSORS)
def test_training_by_workers(cluster, one, several, in_many_parts, name, monkeypatch):
    make = REGRESSORS[name]
    monkeypatch.setattr(Spread, "largest", 20_000.0)  # sums by blocks of anchors
    alone = train_upscaler(several, make(), **SETTINGS)
    spread = train_upscaler(several, make(), cluster=cluster, **SETTINGS)
    assert spread.header == alone.header
    assert_alike(spread, alone)
    other = train_upscaler(several, make(), cluster=one, **SETTINGS)
    for key, array in arrays_of(spread).items():
        np.testing.assert_array_equal(arrays_of(other)[key], array)


def test_a_worker_killed_amid_the_training(cluster, several, in_many_parts, monkeypatch):
    expected = arrays_of(train_upscaler(several, REGRESSORS["A+"](), cluster=cluster, **SETTINGS))
    real, killed = Spread.total, []

    def total(self, *arguments):
        if not killed:  # the pairs are made, and half of them lost
            cluster.client.gather(list(self.parts))
            killed.extend(list(cluster.client.run(os.getpid).values())[:1])
            os.kill(killed[0], signal.SIGKILL)
        return real(self, *arguments)

    monkeypatch.setattr(Spread, "total", total)
    found = arrays_of(train_upscaler(several, REGRESSORS["A+"](), cluster=cluster, **SETTINGS))
    assert killed
    for key, array in expected.items():
        np.testing.assert_array_equal(found[key], array)


def test_pictures_in_two_versions_by_workers(cluster, several, in_many_parts, tmp_path):
    (tmp_path / "HR").mkdir()
    (tmp_path / "LR").mkdir()
    for path in several.iterdir():
        image = opened(path)
        image = image.crop((0, 0, *(n - n % 2 for n in image.size)))
        image.save(tmp_path / "HR" / path.name)
        image.resize([n // 2 for n in image.size], Image.Resampling.BOX).save(
            tmp_path / "LR" / path.name
        )
    alone = train_upscaler(tmp_path, REGRESSORS["A+"](), scale=2)
    spread = train_upscaler(tmp_path, REGRESSORS["A+"](), scale=2, cluster=cluster)
    assert spread.header == alone.header
    assert spread.header["training"]["degradation"] == "given"
    assert_alike(spread, alone)


def test_rows_of_samples_in_parts(cluster):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    parts = [cluster.keep(_pair, x[a:b], y[a:b]) for a, b in ((0, 20), (20, 21), (21, 50))]
    spread = Spread(cluster, parts, [20, 1, 29], 3, (2,), x.dtype)
    for chosen in (rng.integers(0, 50, 30), np.arange(50), np.array([20]), np.array([], int)):
        np.testing.assert_array_equal(spread.rows(chosen), x[chosen])
        np.testing.assert_array_equal(Held(x, y).rows(chosen), x[chosen])


def _pair(x, y):
    return x, y


def test_what_cannot_learn_from_parts_is_refused(several):
    class Own(Regressor):
        name = "own"
        array_axes = {}  # noqa: RUF012
        fit = predict = lambda self, *arguments: self

    nobody = Cluster.__new__(Cluster)
    with pytest.raises(InputError, match=r"^workers: own does not learn from samples in parts$"):
        train_upscaler(several, Own(), cluster=nobody)
    with pytest.raises(InputError, match=r"^device: expected cpu where workers train, received au"):
        train_upscaler(several, APlusRegressor(device="auto"), cluster=nobody)


def test_training_from_the_command_line(several, tmp_path):
    command = ["train", several, "--scale", "2", "--anchors", "16", "--validation", "0", "--quiet"]
    assert run(*command, "-o", tmp_path / "a.safetensors").returncode == 0
    result = run(*command, "-o", tmp_path / "b.safetensors", "--workers", "1")
    assert result.returncode == 0, result.stderr
    assert_alike(*(load_model(tmp_path / f"{name}.safetensors") for name in "ba"))


def test_what_torch_trains_is_not_for_dask(several, tmp_path):
    pytest.importorskip("torch")
    options = ["-o", tmp_path / "a.safetensors", "--regressor", "arn", "--workers", "1"]
    result = run("train", several, *options)
    assert result.returncode == 2
    assert "workers: arn does not learn from samples in parts; torchrun trains it" in result.stderr
