import numpy as np
import pytest
from scipy.signal import correlate

from sr_arn.kernels import convolution, matmul
from sr_arn.kernels.convolution import Filters, convolve, padded
from sr_arn.kernels.matmul import REGISTERS, Registers

SHAPES = [(2, 2), (2, 40), (6, 4), (10, 14), (20, 102)]


def framed(rng, height, width, channels):
    plane = np.zeros((height + 2, width + 2, padded(channels)), np.float32)
    plane[1:-1, 1:-1, :channels] = rng.normal(size=(height, width, channels))
    return plane


def by_scipy(features, weight, bias):
    planes = [
        sum(correlate(features[..., c].astype(float), part, "valid") for c, part in enumerate(w))
        for w in weight
    ]
    return np.stack(planes, axis=-1) + bias


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("channels", "outputs"), [(1, 1), (3, 16), (8, 9), (16, 70), (5, 130)])
def test_equals_scipy(shape, channels, outputs):
    rng = np.random.default_rng(0)
    features = framed(rng, *shape, channels)
    weight = rng.normal(size=(outputs, channels, 3, 3)).astype(np.float32)
    bias = rng.normal(size=outputs).astype(np.float32)
    expected = by_scipy(features, weight, bias)
    filters = Filters.of(weight, bias)
    assert len(filters.bias) >= outputs
    out = np.full((*features.shape[:2], len(filters.bias)), 7, np.float32)
    convolve(features, filters, out)
    np.testing.assert_allclose(out[1:-1, 1:-1, :outputs], expected, rtol=1e-4, atol=1e-4)
    assert (out[1:-1, 1:-1, outputs:] == 0).all()
    assert (out[[0, -1]] == 7).all()  # the rim is left alone
    assert (out[:, [0, -1]] == 7).all()
    add = rng.normal(size=out.shape).astype(np.float32)
    convolve(features, filters, out, add=add, relu=True)
    expected = np.maximum(expected + add[1:-1, 1:-1, :outputs], 0)
    np.testing.assert_allclose(out[1:-1, 1:-1, :outputs], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("left", "right"), [(0, 0), (2, 6), (3, 5), (0, 39), (20, 20)])
def test_columns_that_need_not_be_done(left, right):
    rng = np.random.default_rng(0)
    features = framed(rng, 16, 40, 3)
    filters = Filters.of(rng.normal(size=(5, 3, 3, 3)).astype(np.float32), np.ones(5, np.float32))
    whole, part = (np.full((18, 42, len(filters.bias)), 9, np.float32) for _ in range(2))
    convolve(features, filters, whole)
    convolve(features, filters, part, left, right)
    columns = slice(1 + left, 41 - right)
    np.testing.assert_array_equal(part[:, columns], whole[:, columns])
    done = (part != 9).any(axis=(0, 2))
    assert not done[: 1 + left - left % 2].any()
    assert not done[41 - right + right % 2 :].any()


def test_a_pixel_depends_on_its_window_and_parity_to_the_last_bit():
    rng = np.random.default_rng(0)
    features = framed(rng, 30, 140, 12)
    filters = Filters.of(
        rng.normal(size=(40, 12, 3, 3)).astype(np.float32), np.ones(40, np.float32)
    )

    def convolved(part):
        out = np.empty((*part.shape[:2], len(filters.bias)), np.float32)
        convolve(np.ascontiguousarray(part), filters, out)
        return out[1:-1, 1:-1]

    whole = convolved(features)
    for top, left, height, width in ((0, 0, 4, 4), (8, 6, 4, 10), (2, 0, 18, 128), (12, 14, 8, 4)):
        part = convolved(features[top : top + height, left : left + width])
        expected = whole[top : top + height - 2, left : left + width - 2]
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize(
    "registers", [(4, 4, 2, 2, 12), (4, 4, 6, 6, 24), (8, 4, 2, 2, 12), (16, 8, 3, 3, 8)]
)
def test_other_processors_give_the_same_bits(monkeypatch, registers):
    # Lanes, vectors and sums of theirs; this one's compiler makes them of what it has.
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(6, 30, 5))
    weight = rng.normal(size=(70, 5, 3, 3)).astype(np.float32)
    results = []
    for own in (REGISTERS, Registers(*registers)):
        for module in (convolution, matmul):
            monkeypatch.setattr(module, "REGISTERS", own)
        features = np.zeros((8, 32, padded(5)), np.float32)
        features[1:-1, 1:-1, :5] = plane
        filters = Filters.of(weight, np.zeros(70, np.float32))
        assert filters.weight.shape[3] <= own.widest * own.lanes
        out = np.zeros((8, 32, len(filters.bias)), np.float32)
        convolve(features, filters, out)
        results.append(out[..., :70])
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("channels", [1, 2, 3, 17])
def test_nothing_beside_the_map_is_written(channels):
    filters = Filters.of(np.ones((channels, channels, 3, 3), np.float32), np.ones(channels))
    memory = np.full(3 * 8 * 6 * padded(channels), 5, np.float32)
    before, out, after = memory.reshape(3, 8, 6, -1)
    convolve(np.ones_like(out), filters, out)
    assert (before == 5).all()
    assert (after == 5).all()
    assert (out[1:-1, 1:-1, :channels] != 5).all()


@pytest.mark.parametrize(
    ("features", "out"),
    [
        (np.zeros((8, 8, padded(5)), np.float32), np.zeros((8, 8, padded(9) + 1), np.float32)),
        (np.zeros((8, 8, padded(5) + 1), np.float32), np.zeros((8, 8, padded(9)), np.float32)),
        (np.zeros((7, 8, padded(5)), np.float32), np.zeros((7, 8, padded(9)), np.float32)),
        (np.zeros((8, 8, padded(5)), np.float32), np.zeros((8, 6, padded(9)), np.float32)),
        (np.zeros((8, 8, padded(5)), np.float64), np.zeros((8, 8, padded(9)), np.float32)),
        (np.zeros((8, 9, padded(5)), np.float32)[:, :8], np.zeros((8, 8, padded(9)), np.float32)),
    ],
)
def test_refuses_what_does_not_fit(features, out):
    filters = Filters.of(np.zeros((9, 5, 3, 3), np.float32), np.zeros(9, np.float32))
    with pytest.raises(ValueError, match="maps"):
        convolve(features, filters, out)
