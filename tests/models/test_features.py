import numpy as np
import pytest
from scipy.ndimage import convolve1d

from sr_arn import InputError, imresize
from sr_arn.datasets.folders import find_set, read_luminances
from sr_arn.kernels.patches import extract
from sr_arn.models.features import GradientFeatures, gradient_map, lr_windows
from sr_arn.training.pairs import shrink


def plain_gradients(lr, scale):
    """The definition, step by step, on the whole up-scaled plane: [rows, columns, 4 (3 s)^2]."""
    mid = imresize(lr.astype(np.float64), scale)
    gap = [0] * (scale - 1)
    gradient, laplacian = [1, *gap, -1], [0.5, *gap, -1, *gap, 0.5]
    # SciPy centres kernels of even length as MATLAB's 'same' does.
    maps = [
        convolve1d(mid, kernel, axis=axis, mode="constant")
        for kernel in (gradient, laplacian)
        for axis in (1, 0)
    ]
    inner = [m[scale:-scale, scale:-scale] for m in maps]
    windows = [extract(m, 3 * scale, scale) for m in inner]
    return np.stack(windows, axis=2).reshape(*windows[0].shape[:2], -1)


@pytest.mark.parametrize("scale", [2, 3, 4, 5])
def test_one_matrix_equals_upscaling_and_filtering(planes, scale):
    lr = imresize(planes[0], 1 / scale)[:30, :40]
    windows = lr_windows(lr)
    fused = windows.reshape(*windows.shape[:2], 81) @ gradient_map(scale).T
    np.testing.assert_allclose(fused, plain_gradients(lr, scale), atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pca_equals_pca_of_the_plain_gradients(planes, scale):
    lrs = list(shrink(planes, scale))
    features = GradientFeatures(scale).fit(lrs)
    samples = np.concatenate(
        [(g := plain_gradients(lr, scale)).reshape(-1, g.shape[-1]) for lr in lrs]
    )
    singular = np.linalg.svd(samples.T @ samples, hermitian=True, compute_uv=False)
    share = np.cumsum(singular) / singular.sum()
    kept = len(features.projection_)
    assert share[kept - 2] < 0.999 <= share[kept - 1]
    # What PCA keeps of the samples' energy, it keeps of these.
    energy = sum(np.sum(features.transform(lr).astype(np.float64) ** 2) for lr in lrs)
    assert energy / np.sum(samples**2) == pytest.approx(share[kept - 1], abs=1e-6)


@pytest.mark.parametrize(("scale", "dimensions"), [(2, 28), (3, 30), (4, 30)])
def test_dimensions_on_the_91_images(data, scale, dimensions):
    planes = read_luminances(find_set(data, "T91"))
    features = GradientFeatures(scale).fit(shrink(planes, scale))
    assert abs(len(features.projection_) - dimensions) <= (0 if scale < 4 else 1)


def test_flat_planes_have_no_features(planes):
    features = GradientFeatures(3).fit(shrink(planes, 3))
    assert np.abs(features.transform(np.full((9, 9), 0.7))).max() < 1e-6


def test_brightness_does_not_matter(planes):
    features = GradientFeatures(3).fit(shrink(planes, 3))
    lr = imresize(planes[1], 1 / 3)
    np.testing.assert_allclose(features.transform(lr + 0.1), features.transform(lr), atol=1e-5)


def test_small_planes_have_no_window(planes):
    features = GradientFeatures(3).fit(shrink(planes, 3))
    assert features.transform(np.zeros((4, 30))).size == 0
    assert features.transform(np.zeros((5, 5))).shape[:2] == (1, 1)


def test_refuses_flat_images_and_bad_parameters(planes):
    with pytest.raises(InputError, match="only flat ones or none"):
        GradientFeatures(3).fit([])
    with pytest.raises(InputError, match="scale: expected 2 to 8, received 9"):
        GradientFeatures(9).fit(planes)
    with pytest.raises(InputError, match="energy: expected a number"):
        GradientFeatures(3, energy=0).fit(planes)
    with pytest.raises(InputError, match="luminance: expected a float array"):
        GradientFeatures(3).fit([np.zeros((9, 9), np.uint8)])
