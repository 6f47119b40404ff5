"""BIWI: the arrays of FSA-Net, and files that are wrong."""

import numpy as np
import pytest

from sr_arn import InputError

pytest.importorskip("torch", reason='needs the extra "torch"')

from sr_arn.age.datasets import biwi

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (9, 64, 64, 3), np.uint8)
POSES = RNG.uniform(-90, 90, (9, 3))


@pytest.fixture
def folder(tmp_path):
    """Six heads of training, three of testing."""
    np.savez(tmp_path / "BIWI_train.npz", image=IMAGES[:6], pose=POSES[:6], img_size=64)
    np.savez(tmp_path / "BIWI_test.npz", image=IMAGES[6:], pose=POSES[6:], img_size=64)
    return tmp_path


def test_pictures_become_rgb(folder):
    test = biwi(folder, "test")
    assert (test.images[..., 0] == IMAGES[6:, ..., 2]).all()
    assert (test.images[..., 1:] == IMAGES[6:, ..., 1::-1]).all()
    assert (test.poses == POSES[6:]).all()
    assert (test.images.dtype, test.poses.dtype) == (np.uint8, np.float64)


def test_parts_are_seeded_and_apart(folder):
    train, held = (biwi(folder, split, 2) for split in ("train", "validation"))
    assert (len(train.images), len(held.images)) == (4, 2)
    both = np.concatenate([train.poses, held.poses])
    assert sorted(both.tolist()) == sorted(POSES[:6].tolist())
    for pose, image in zip(held.poses, held.images, strict=True):
        (number,) = np.flatnonzero((pose == POSES).all(1))
        assert (image == IMAGES[number, ..., ::-1]).all()
    assert (biwi(folder, "validation", 2).poses == held.poses).all()
    others = [biwi(folder, "validation", 2, seed).poses for seed in range(1, 4)]
    assert any((poses != held.poses).any() for poses in others)
    assert len(biwi(folder, "train", 0).images) == 6


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": IMAGES}, "damaged, or without image and pose"),
        ({"image": IMAGES.astype(float), "pose": POSES}, r"received \(9, 64, 64, 3\) float64"),
        ({"image": IMAGES[:, :32], "pose": POSES}, r"expected image \[n, 64, 64, 3\] uint8, r"),
        ({"image": IMAGES[:0], "pose": POSES[:0]}, r"received \(0, 64, 64, 3\) uint8"),
        ({"image": np.uint8(3), "pose": POSES}, r"received \(\) uint8"),
        ({"image": IMAGES, "pose": POSES[:8]}, r"expected pose \[9, 3\] float, received \(8, 3\)"),
        ({"image": IMAGES, "pose": POSES > 0}, r"received \(9, 3\) bool"),
        ({"image": IMAGES, "pose": POSES * np.nan}, "expected degrees of -180 to 180, received n"),
        ({"image": IMAGES, "pose": POSES + 200}, "expected degrees of -180 to 180"),
        ({"image": IMAGES, "pose": POSES.astype(object)}, "damaged, or without image and pose"),
    ],
)  # fmt: skip
def test_arrays_that_are_wrong(folder, arrays, message):
    np.savez(folder / "BIWI_test.npz", **arrays)
    with pytest.raises(InputError, match=message) as told:
        biwi(folder, "test")
    assert str(told.value).startswith(f"poses: {folder}/BIWI_test.npz: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("damage", ["text", "cut", "bits", "array", "empty"])
def test_files_that_are_damaged(folder, damage):
    path = folder / "BIWI_test.npz"
    whole = bytearray(path.read_bytes())
    if damage == "array":
        with path.open("wb") as file:
            np.save(file, IMAGES)
    else:
        whole[5000] ^= 255
        contents = {
            "text": b"no file",
            "cut": bytes(whole[:5000]),
            "bits": bytes(whole),
            "empty": b"",
        }
        path.write_bytes(contents[damage])
    with pytest.raises(InputError, match="damaged, or without image and pose"):
        biwi(folder, "test")


def test_what_is_asked_for_is_checked(folder):
    for arguments, message in (
        ({"split": "all"}, "split: expected train, validation, test, received all"),
        ({"validation": 6}, "validation: expected fewer than 6, received 6"),
        ({}, "validation: expected fewer than 6, received 1010"),
        ({"split": "validation", "validation": 0}, "there would be no picture"),
    ):
        with pytest.raises(InputError, match=message):
            biwi(folder, **arguments)
    (folder / "BIWI_test.npz").unlink()
    with pytest.raises(InputError, match=r"BIWI_test\.npz is missing"):
        biwi(folder, "test")
