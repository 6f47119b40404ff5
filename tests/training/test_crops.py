import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn import Degradation, imresize  # noqa: E402
from sr_arn.datasets.images import TrainingImage  # noqa: E402
from sr_arn.pictures.color import rgb_to_ycbcr  # noqa: E402
from sr_arn.training import crops  # noqa: E402
from sr_arn.training.crops import Crops  # noqa: E402

CPU = torch.device("cpu")


def first_batch(batches, epoch=0):
    return next(batches.epoch(epoch, CPU))


@pytest.fixture
def plain(monkeypatch):
    """Crops at full size and contrast, not rounded."""
    monkeypatch.setattr(crops, "WHOLE", 2)
    monkeypatch.setattr(crops, "ROUNDED", -1)
    monkeypatch.setattr(crops, "CONTRASTS", (1, 1))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_crops_are_of_the_pictures(planes, plain, scale):
    # One crop is the whole picture: LR and details must give one of its flips and turns.
    side = 16
    hr = planes[0][50 : 50 + side * scale, 70 : 70 + side * scale]
    inputs, targets = first_batch(Crops([hr], scale, side, 30, 1, seed=0))
    assert inputs.shape == (30, 1, side, side)
    assert targets.shape == (30, 1, side * scale, side * scale)
    variants = [np.rot90(f(hr), k) for f in (np.asarray, np.fliplr) for k in range(4)]
    seen = set()
    for lr, details in zip(inputs[:, 0].numpy(), targets[:, 0].numpy(), strict=True):
        for sign in (1, -1):
            whole = sign * (imresize(lr - 0.5, scale) + details) + 0.5
            errors = [np.abs(whole - variant).max() for variant in variants]
            if min(errors) < 1e-5:
                seen.add((sign, int(np.argmin(errors))))
    assert len(seen) > 8
    assert {sign for sign, _ in seen} == {1, -1}


def test_contrast_is_about_mid_grey(planes, plain, monkeypatch):
    batches = Crops([planes[0]], 3, 24, 5, 1, seed=0)
    inputs, targets = first_batch(batches)
    monkeypatch.setattr(crops, "CONTRASTS", (0.5, 0.5))
    paler, less = first_batch(batches)
    torch.testing.assert_close(paler - 0.5, (inputs - 0.5) / 2)
    torch.testing.assert_close(less, targets / 2)


def test_half_of_the_planes_are_rounded(planes):
    def is_rounded(crop):  # whatever its contrast: its values lie on a grid
        values = np.unique(crop.round(decimals=6))
        steps = np.diff(values)
        return np.abs(steps / steps.min() - np.round(steps / steps.min())).max() < 0.05

    (np.zeros((20, 20), np.float32), np.zeros((60, 60), np.float32))
    many = [planes[0][: 60 + n, :60] for n in range(60)]
    inputs, _ = first_batch(Crops(many, 2, 16, 200, 1, seed=0))
    share = np.mean([is_rounded(crop) for crop in inputs[:, 0].numpy()])
    assert 0.3 < share < 0.7


def test_the_same_epoch_gives_the_same_batches(planes):
    batches = Crops(planes, 3, 16, 4, 3, seed=5)
    again = Crops(planes, 3, 16, 4, 3, seed=5)
    other = Crops(planes, 3, 16, 4, 3, seed=6)
    assert len(batches) == len(list(batches.epoch(0, CPU))) == 3
    for epoch in (0, 7):
        for one, two in zip(batches.epoch(epoch, CPU), again.epoch(epoch, CPU), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(first_batch(batches, 0)[0], first_batch(batches, 1)[0])
    assert not torch.equal(first_batch(batches)[0], first_batch(other)[0])
    assert batches.identity() == again.identity() != other.identity()


def test_small_pictures_and_many(planes, monkeypatch):
    small = [planes[0][:7, :40]]
    inputs, targets = first_batch(Crops(small, 3, 16, 2, 1, seed=0))
    assert inputs.isfinite().all()
    assert targets.isfinite().all()
    pair = (np.zeros((20, 20), np.float32), np.zeros((60, 60), np.float32))
    many = [planes[0][k : k + 48, :48] for k in range(crops.MOST_PLANES + 20)]
    looked_at = []
    monkeypatch.setattr(Crops, "_pair", lambda self, plane, rng: looked_at.append(plane) or pair)
    for epoch in range(2):
        first_batch(Crops(many, 3, 16, 2, 1, seed=0), epoch)
    first, second = looked_at[: crops.MOST_PLANES], looked_at[crops.MOST_PLANES :]
    assert len(second) == crops.MOST_PLANES
    assert {id(plane) for plane in first} != {id(plane) for plane in second}


def test_large_crops_of_large_pictures_are_not_continued(planes, plain, monkeypatch):
    monkeypatch.setattr(crops, "LARGEST_SIDE", 60)
    whole = imresize(planes[0], 1 / 3)
    inputs, _ = first_batch(Crops([planes[0][:120, :120]], 3, 40, 1, 1, seed=0))
    side = np.sort(np.abs(inputs[0, 0].numpy() - 0.5).ravel())
    np.testing.assert_allclose(side, np.sort(np.abs(whole[:40, :40] - 0.5).ravel()), atol=0.05)


def test_a_teacher_gives_the_details_of_three_planes_in_four(monkeypatch):
    monkeypatch.setattr(crops, "CONTRASTS", (1, 1))
    monkeypatch.setattr(crops, "MOST_PLANES", 400)
    stripes = np.tile(
        np.float32([0, 0, 0, 1, 1, 1]), (96, 16)
    )  # shrunk to a third: no longer so wide
    seen = []

    def teacher(lr):
        seen.append(lr)
        return imresize(lr, 3) + 7

    batches = Crops([stripes] * 300, 3, 16, 400, 1, seed=0, teacher=teacher)
    _, targets = first_batch(batches)
    taught = (targets.abs() > 6).flatten(1).all(dim=1)
    assert 0.65 < len(seen) / 300 < 0.85
    assert 0 < taught.sum() < 400
    torch.testing.assert_close(targets[taught].abs(), torch.full_like(targets[taught], 7))
    unshrunk = [lr.shape[0] > 32 for lr in seen]
    assert 0.2 < np.mean(unshrunk) < 0.45
    assert max(lr.shape[0] for lr in seen) <= 96


def test_large_planes_are_not_taught_whole(monkeypatch, planes):
    monkeypatch.setattr(crops, "LARGEST_UNSHRUNK", 40)
    monkeypatch.setattr(crops, "UNSHRUNK", 2)
    monkeypatch.setattr(crops, "TAUGHT", 2)
    shapes = []
    first_batch(
        Crops(planes, 3, 8, 4, 1, 0, lambda lr: (shapes.append(lr.shape), imresize(lr, 3))[1])
    )
    assert set(shapes) == {(40, 40)}


def test_teachers_tell_trainings_apart(planes):
    def identity(teacher):
        return Crops(planes, 2, 8, 4, 1, 0, teacher).identity()

    one, two = (lambda lr, k=k: k * imresize(lr, 2) for k in (1, 2))
    assert len({identity(None), identity(one), identity(two)}) == 3
    assert identity(one) == identity(one)


ANY = Degradation.parse("blur=0-2,noise=0-10,kernel=any,jpeg=30-95")
BLURRED = Degradation(blur="0-2")


@pytest.mark.parametrize("shape", [(90, 120), (7, 40), (90, 120, 3), (7, 40, 3)])
def test_ranges_are_drawn_anew_in_every_epoch(coffee, shape):
    rows, columns = (slice(n) for n in shape[:2])
    hr = coffee[rows, columns]
    image = hr if len(shape) == 3 else hr[..., 1].astype(np.float32) / np.float32(255)
    batches = Crops([TrainingImage(image)], 2, 16, 20, 1, seed=0, degrade=ANY)
    (inputs, targets), again = (first_batch(batches) for _ in range(2))
    assert (inputs.shape[1:], targets.shape[1:]) == ((1, 16, 16), (1, 32, 32))
    assert inputs.isfinite().all()
    assert targets.isfinite().all()
    assert torch.equal(inputs, again[0])
    assert not torch.equal(inputs, first_batch(batches, epoch=1)[0])


def test_details_are_those_of_the_luminance_of_colour(coffee, plain):
    hr = coffee[50:82, 70:102]
    batches = Crops([TrainingImage(hr)], 2, 16, 8, 1, seed=0, degrade=Degradation(jpeg=80))
    expected = rgb_to_ycbcr(hr / np.float32(255))[..., 0]
    variants = [np.rot90(f(expected), k) for f in (np.asarray, np.fliplr) for k in range(4)]
    for lr, details in zip(*(side[:, 0].numpy() for side in first_batch(batches)), strict=True):
        sums = [sign * (imresize(lr - 0.5, 2) + details) + 0.5 for sign in (1, -1)]
        assert min(np.abs(one - other).max() for one in sums for other in variants) < 1e-5


def test_few_pictures_give_several_versions_of_drawn_strengths(planes, monkeypatch):
    pair = (np.zeros((20, 20), np.float32), np.zeros((60, 60), np.float32))
    looked_at = []
    monkeypatch.setattr(Crops, "_pair", lambda self, plane, rng: looked_at.append(plane) or pair)
    for degrade, least in ((Degradation(jpeg=50), 3), (ANY, crops.MOST_PLANES)):
        looked_at.clear()
        first_batch(Crops(planes[:3], 3, 16, 2, 1, seed=0, degrade=degrade))
        assert least <= len(looked_at) < least + 3
    identities = {Crops(planes, 3, 16, 2, 1, 0, None, d).identity() for d in (ANY, BLURRED)}
    assert len(identities) == 2
