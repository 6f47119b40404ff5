import os
import subprocess
import sys

import numpy as np
import pytest

from sr_arn import compilation
from sr_arn.kernels import map_rows, map_windows, strongest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "d"), [(1, 1), (5, 4), (64, 3), (65, 30), (300, 7)])
def test_strongest_is_the_argmax_of_the_absolute_product(m, d, dtype):
    rng = np.random.default_rng(0)
    x, anchors = rng.normal(size=(103, d)).astype(dtype), rng.normal(size=(m, d)).astype(dtype)
    exact = np.abs(x.astype(np.float64) @ anchors.T.astype(np.float64))
    chosen = np.take_along_axis(exact, strongest(x, anchors)[:, None], axis=1)[:, 0]
    np.testing.assert_allclose(chosen, exact.max(axis=1), rtol=1e-5)


def test_of_equal_anchors_the_first_is_strongest():
    anchors = np.zeros((200, 2), np.float32)
    anchors[[70, 6, 135]] = [[0, 1], [0, -1], [0, 1]]
    x = np.array([[0, 3], [0, -3], [1, 0], [0, 0]], np.float32)
    assert strongest(x, anchors).tolist() == [6, 6, 0, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("d", "t"), [(1, 1), (3, 2), (30, 81), (7, 36)])
def test_map_rows_is_the_product_with_the_chosen_map(d, t, dtype):
    rng = np.random.default_rng(0)
    x, maps = rng.normal(size=(50, d)).astype(dtype), rng.normal(size=(6, d, t)).astype(dtype)
    chosen = rng.integers(0, 6, 50)
    expected = np.einsum("nd,ndt->nt", x.astype(np.float64), maps[chosen].astype(np.float64))
    np.testing.assert_allclose(map_rows(x, maps, chosen), expected, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3, 9])
def test_map_windows_is_the_product_with_each_window(size):
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(11, 14)).astype(np.float32)
    columns = rng.normal(size=(size * size, 5)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (size, size))
    expected = windows.reshape(*windows.shape[:2], -1).astype(np.float64) @ columns
    np.testing.assert_allclose(map_windows(plane, size, columns), expected, atol=1e-5)


@pytest.mark.parametrize(
    "kept", [slice(1, None), slice(0, 5), slice(3, 99, 7), slice(None, None, -1)]
)
def test_a_row_does_not_depend_on_its_company(kept):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(101, 30)).astype(np.float32)
    anchors = rng.normal(size=(1024, 30)).astype(np.float32)
    maps = rng.normal(size=(1024, 30, 81)).astype(np.float32)
    chosen = strongest(x, anchors)
    np.testing.assert_array_equal(strongest(x[kept], anchors), chosen[kept])
    part = map_rows(x[kept], maps, chosen[kept])
    np.testing.assert_array_equal(part, map_rows(x, maps, chosen)[kept])


def test_compiles_where_there_is_no_cache(monkeypatch):
    def no_locator(function):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(compilation, "ForgivingCache", no_locator)
    assert compilation.compiled()(lambda x: x + 1)(2) == 3


CODE = (
    "import numpy as np; from sr_arn.kernels import strongest as s; print(s(np.eye(3), np.eye(3)))"
)


@pytest.mark.parametrize("damage", [b"", b"\x80\x05nonsense", None], ids=["empty", "other", "none"])
def test_a_damaged_or_unwritable_cache_costs_time_only(tmp_path, damage):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", CODE]
    limit = "ulimit -f 1; " if damage is None else ""  # no file above 1 KB can be written
    for _ in range(2):
        result = subprocess.run(  # noqa: S603 - our own interpreter
            ["/bin/bash", "-c", f'trap "" XFSZ; {limit}exec "$@"', "-", *command],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (result.returncode, result.stdout) == (0, "[0 1 2]\n"), result.stderr
        files = [path for path in tmp_path.rglob("*") if path.suffix in (".nbi", ".nbc")]
        assert files or damage is None
        for path in files:
            if damage is not None:
                path.write_bytes(damage)
