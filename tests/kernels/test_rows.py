import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from numba.core.errors import TypingError

from sr_arn.kernels import matmul, rows
from sr_arn.kernels.matmul import REGISTERS, Registers
from sr_arn.kernels.rows import map_rows, map_windows, soft_rows, strongest


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


def test_anchors_that_are_not_numbers_give_one_that_exists():
    assert strongest(np.ones((1, 2)), np.full((3, 2), np.nan)).tolist() < [3]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("d", "t"), [(1, 1), (3, 2), (30, 81), (7, 36)])
def test_map_rows_is_the_product_with_the_chosen_map(d, t, dtype):
    rng = np.random.default_rng(0)
    x, maps = rng.normal(size=(50, d)).astype(dtype), rng.normal(size=(6, d, t)).astype(dtype)
    chosen = rng.integers(0, 6, 50)
    expected = np.einsum("nd,ndt->nt", x.astype(np.float64), maps[chosen].astype(np.float64))
    np.testing.assert_allclose(map_rows(x, maps, chosen), expected, atol=1e-4)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("size", "width"), [(1, 1), (3, 14), (9, 9), (9, 10), (9, 11), (9, 14)])
def test_map_windows_is_the_product_with_each_window(size, width, dtype, order):
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(11, width)).astype(dtype, order=order)
    columns = rng.normal(size=(size * size, 5)).astype(dtype)
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", [0, 1, 30, 80, 120, 1000])
def test_soft_assignment_of_any_spread(dtype, spread):
    rng = np.random.default_rng(0)
    logits = (spread * rng.uniform(size=(9, 70))).astype(dtype).astype(np.float64)
    x, maps = np.ones((9, 1), dtype), np.zeros((70, 2, 70), dtype)
    maps[np.arange(70), 1, np.arange(70)] = 1  # gives the shares themselves
    exact = np.exp(logits - logits.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    for row, expected in zip(logits, exact, strict=True):
        found = soft_rows(x, np.zeros((70, 1), dtype), row.astype(dtype), maps)
        accuracy = 1e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(found, np.tile(expected, (9, 1)), rtol=accuracy, atol=1e-37)


@pytest.mark.parametrize("registers", [(4, 4, 2, 2, 12), (8, 4, 2, 2, 12)])
def test_other_processors_vectors_give_the_same(monkeypatch, registers):
    # Vectors of theirs; this one's compiler makes them of what it has, of as many rows as here.
    rng = np.random.default_rng(0)
    x, anchors = (rng.normal(size=(n, 5)).astype(np.float32) for n in (21, 37))
    maps, plane = rng.normal(size=(37, 5, 29)).astype(np.float32), x[:13]
    results = []
    for own in (REGISTERS, Registers(*registers)):
        for module in (rows, matmul):
            monkeypatch.setattr(module, "REGISTERS", own)
        chosen = strongest(x, anchors)
        results.append((chosen, map_rows(x, maps, chosen), map_windows(plane, 3, anchors[:9])))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


KERNELS = """
import sys
import numpy as np
from sr_arn.kernels.rows import map_rows, map_windows, soft_rows, strongest
from sr_arn.kernels.matmul import REGISTERS

rng = np.random.default_rng(0)
draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
x, anchors, offsets, maps, mixing, basis = (
    draw(21, 5), draw(37, 5), draw(37), draw(37, 6, 29), draw(37, 9), draw(29, 40)
)
chosen = strongest(x, anchors)
np.savez(
    sys.argv[1],
    lanes=REGISTERS.lanes,
    chosen=chosen,
    mapped=map_rows(x, np.ascontiguousarray(maps[:, :5]), chosen),
    windows=map_windows(x[:13], 3, anchors[:9]),
    soft=soft_rows(x, anchors, offsets, maps),
    shared=soft_rows(x, anchors, offsets, maps[:9], mixing, basis, cosine=True),
)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="for x86")
def test_code_for_another_processor_gives_the_same(tmp_path):
    results = {}
    others = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2"}
    for name, more in (("here", {}), ("another", others)):
        path = tmp_path / f"{name}.npz"
        environment = os.environ | more | {"NUMBA_CACHE_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", KERNELS, path], check=True, env=environment)  # noqa: S603 - our own
        with np.load(path) as arrays:
            results[name] = dict(arrays)
    assert results["another"].pop("lanes") == 8
    for name, found in results["another"].items():
        np.testing.assert_allclose(found, results["here"][name], atol=1e-4)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_rows_and_the_smallest_sizes(n):
    x, one = np.full((n, 1), 2.0), np.ones((1, 1))
    assert strongest(x, one).tolist() == [0] * n
    assert map_rows(x, one[None], np.zeros(n, np.intp)).tolist() == [[2.0]] * n
    assert soft_rows(x, one, np.zeros(1), np.ones((1, 2, 1))).tolist() == [[3.0]] * n


def test_arrays_of_two_kinds_are_refused():
    with pytest.raises(TypingError, match=r"expected .*C-contiguous"):
        strongest(np.ones((2, 3)), np.ones((4, 3), np.float32))
