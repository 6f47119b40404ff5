import numpy as np
import pytest

from sr_arn import InputError, imresize
from sr_arn.kernels.patches import overlap_average
from sr_arn.models.features import GradientFeatures
from sr_arn.pictures.resize import crop_to_multiple
from sr_arn.training.pairs import shrink, training_pairs


@pytest.fixture(scope="module", params=[2, 3, 4])
def features(request, planes):
    return GradientFeatures(request.param).fit(shrink(planes, request.param))


def test_bicubic_plus_averaged_targets_is_the_original(planes, features):
    scale = features.scale
    hr = crop_to_multiple(planes[2][:101, :133], scale)
    lr = imresize(hr, 1 / scale)
    _, y = training_pairs([hr], features, sizes=1)
    rows, columns = (n - 4 for n in lr.shape)
    patches = y.reshape(rows, columns, 3 * scale, 3 * scale)
    inside = np.s_[scale:-scale, scale:-scale]
    restored = imresize(lr, scale)[inside] + overlap_average(patches, scale)
    np.testing.assert_allclose(restored, hr[inside], atol=1e-6)


def test_features_are_those_of_the_shrunk_image(planes, features):
    hr = crop_to_multiple(planes[0], features.scale)
    x, _ = training_pairs([hr], features, sizes=1)
    expected = features.transform(imresize(hr, 1 / features.scale))
    np.testing.assert_array_equal(x, expected.reshape(len(x), -1))


def test_size_by_size_and_the_first_ones_count(planes, features):
    few = [plane[:120, :130] for plane in planes]
    x, y = training_pairs(few, features, sizes=3)
    full_size, _ = training_pairs(few, features, sizes=1)
    np.testing.assert_array_equal(x[: len(full_size)], full_size)
    shrunk = [imresize(plane, 0.98) for plane in few]
    second, _ = training_pairs(shrunk, features, sizes=1)
    np.testing.assert_array_equal(x[len(full_size) :][: len(second)], second)
    enough = len(full_size) + 77
    first_x, first_y = training_pairs(few, features, max_samples=enough, sizes=3)
    np.testing.assert_array_equal(first_x, x[:enough])
    np.testing.assert_array_equal(first_y, y[:enough])


def test_of_too_many_each_image_gives_its_share(planes, features):
    few = [planes[0][:120, :130], planes[1][:60, :70], planes[2][:90, :80]]
    wholes = [training_pairs([plane], features, sizes=1) for plane in few]
    total = sum(len(x) for x, _ in wholes)
    for wanted in (total // 3, total - 1):
        x, y = training_pairs(few, features, max_samples=wanted, sizes=3)
        assert len(x) == wanted
        start = 0
        for all_x, all_y in wholes:
            share = wanted * len(all_x) / total
            own = [i for i, row in enumerate(all_x) if (row == x[start]).all()]
            assert own, "the share begins with one of the image's windows"
            rows = {row.tobytes() for row in all_x}
            count = 0
            while start + count < wanted and x[start + count].tobytes() in rows:
                count += 1
            assert abs(count - share) <= 1.5
            lookup = {row.tobytes(): target for row, target in zip(all_x, all_y, strict=True)}
            np.testing.assert_array_equal(y[start], lookup[x[start].tobytes()])
            start += count
        assert start == wanted


def test_twelve_sizes_are_the_default(planes, features):
    few = [planes[0][:80, :80]]
    by_default, _ = training_pairs(few, features)
    spelled_out, _ = training_pairs(few, features, max_samples=5_000_000, sizes=12)
    np.testing.assert_array_equal(by_default, spelled_out)


def test_small_images_give_nothing(planes, features):
    side = 5 * features.scale
    big, small = planes[0][:side, :side], planes[0][: side - 1, :200]
    assert len(training_pairs([big, small], features, sizes=1)[0]) == 1
    with pytest.raises(InputError, match=f"at least {side} x {side} pixels"):
        training_pairs([small], features)
