import numpy as np
import pytest
from scipy.signal import correlate

from sr_arn import convolution
from sr_arn.convolution import Filters, convolve
from sr_arn.tiles import Rim

SHAPES = [(1, 1), (1, 40), (5, 3), (9, 13), (20, 31)]


def framed(rng, height, width, channels):
    plane = np.zeros((height + 2, width + 2, channels), np.float32)
    plane[1:-1, 1:-1] = rng.normal(size=(height, width, channels))
    return plane


def by_scipy(features, weight, bias):
    planes = [
        sum(correlate(features[..., c].astype(float), w[c], "valid") for c in range(len(w)))
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
    assert filters.channels >= outputs
    out = np.full((*features.shape[:2], filters.channels), 7, np.float32)
    convolve(features, filters, out)
    np.testing.assert_allclose(out[1:-1, 1:-1, :outputs], expected, rtol=1e-4, atol=1e-4)
    assert (out[1:-1, 1:-1, outputs:] == 0).all()
    assert (out[[0, -1]] == 7).all()  # the rim is left alone
    assert (out[:, [0, -1]] == 7).all()
    add = rng.normal(size=out.shape).astype(np.float32)
    convolve(features, filters, out, add=add, relu=True)
    expected = np.maximum(expected + add[1:-1, 1:-1, :outputs], 0)
    np.testing.assert_allclose(out[1:-1, 1:-1, :outputs], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rim", [(1, 2, 3, 4), (0, 5, 30, 0), (3, 0, 0, 19), (10, 10, 0, 0)])
def test_the_rim_is_left_alone(rim):
    rng = np.random.default_rng(0)
    features = framed(rng, 17, 41, 3)
    filters = Filters.of(rng.normal(size=(5, 3, 3, 3)).astype(np.float32), np.ones(5, np.float32))
    whole, part = (np.full((19, 43, filters.channels), 9, np.float32) for _ in range(2))
    convolve(features, filters, whole)
    convolve(features, filters, part, Rim(*rim))
    rows, columns = slice(1 + rim[0], 18 - rim[1]), slice(1 + rim[2], 42 - rim[3])
    np.testing.assert_array_equal(part[rows, columns], whole[rows, columns])
    part[rows, columns] = 9
    assert (part == 9).all()


def test_a_pixel_depends_on_its_window_to_the_last_bit():
    rng = np.random.default_rng(0)
    features = framed(rng, 30, 41, 12)
    filters = Filters.of(
        rng.normal(size=(40, 12, 3, 3)).astype(np.float32), np.ones(40, np.float32)
    )

    def convolved(part):
        out = np.empty((*part.shape[:2], filters.channels), np.float32)
        convolve(np.ascontiguousarray(part), filters, out)
        return out[1:-1, 1:-1]

    whole = convolved(features)
    for top, left, height, width in ((0, 0, 3, 3), (7, 5, 3, 9), (2, 1, 17, 28), (11, 13, 8, 4)):
        part = convolved(features[top : top + height, left : left + width])
        expected = whole[top : top + height - 2, left : left + width - 2]
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("vectors", [1, 2, 3])
def test_blocks_of_any_size_give_the_same(monkeypatch, vectors):
    # Other processors have fewer registers, and so smaller blocks.
    rng = np.random.default_rng(0)
    features = framed(rng, 6, 30, 4)
    weight = rng.normal(size=(70, 4, 3, 3)).astype(np.float32)
    results = []
    for most, sums in ((convolution.MOST_VECTORS, convolution.SUMS), (vectors, 6 * vectors)):
        monkeypatch.setattr(convolution, "MOST_VECTORS", most)
        monkeypatch.setattr(convolution, "SUMS", sums)
        filters = Filters.of(weight, np.zeros(70, np.float32))
        assert all(len(bias) <= most * convolution.LANES for _, bias in filters.blocks)
        out = np.zeros((8, 32, filters.channels), np.float32)
        convolve(features, filters, out)
        results.append(out)
    np.testing.assert_array_equal(*results)
