import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_arn import InputError
from sr_arn.kernels.patches import extract, overlap_average

small = st.integers(1, 4)


@settings(deadline=None)  # the first compiles
@given(rows=small, columns=small, stride=small, reach=small, seed=st.integers(0, 9))
def test_extract_then_average_is_the_identity(rows, columns, stride, reach, seed):
    size = stride * reach
    shape = (rows - 1) * stride + size, (columns - 1) * stride + size
    image = np.random.default_rng(seed).integers(0, 1000, shape).astype(np.float64)
    patches = extract(image, size, stride)
    assert patches.shape == (rows, columns, size, size)
    np.testing.assert_allclose(overlap_average(patches, stride), image, rtol=1e-13)


@settings(deadline=None)  # the first compiles
@given(rows=small, columns=small, stride=small, reach=small, seed=st.integers(0, 9))
def test_average_is_the_mean_over_the_patches_that_cover_a_pixel(
    rows, columns, stride, reach, seed
):
    size = stride * reach
    patches = np.random.default_rng(seed).normal(size=(rows, columns, size, size))
    total = np.zeros(((rows - 1) * stride + size, (columns - 1) * stride + size))
    count = np.zeros_like(total)
    for i in range(rows):
        for j in range(columns):
            place = np.s_[i * stride : i * stride + size, j * stride : j * stride + size]
            total[place] += patches[i, j]
            count[place] += 1
    np.testing.assert_allclose(overlap_average(patches, stride), total / count, atol=1e-13)


def test_an_image_smaller_than_a_patch_has_none():
    assert extract(np.zeros((3, 9)), 4, 1).shape == (0, 0, 4, 4)


def test_refuses_what_has_no_average():
    with pytest.raises(InputError, match="patches: expected"):
        overlap_average(np.zeros((0, 3, 4, 4)), 2)
    with pytest.raises(InputError, match="patches: expected float32 or float64, received uint8"):
        overlap_average(np.zeros((2, 2, 4, 4), np.uint8), 2)
    with pytest.raises(InputError, match="divisor of the patch size 4, received 3"):
        overlap_average(np.zeros((2, 2, 4, 4)), 3)
