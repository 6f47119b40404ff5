"""Random crops of training images, for networks that see pixels beyond a patch."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sr_arn.checks import check_integer
from sr_arn.datasets.degradation import BICUBIC, Degradation, luminance_of
from sr_arn.datasets.images import TrainingImage
from sr_arn.pictures.resize import imresize

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Crops"]

MOST_PLANES = 128  # that an epoch takes its crops from; or about so many versions of fewer
LARGEST_SIDE = 600  # HR pixels of a plane that an epoch looks at
WHOLE = 0.25  # share of planes that are taken at their own size
SMALLEST_SIZE = 0.5  # the others are shrunk to this or more of it, so that a crop fits
ROUNDED = 0.5  # share of LR planes that are rounded to 256 levels, as pictures are
CONTRASTS = (0.5, 1.3)
TAUGHT = 0.75  # share of planes of which a teacher gives the details
UNSHRUNK = 1 / 3  # share of those that it enlarges as they are: beyond what any picture shows
LARGEST_UNSHRUNK = 200  # LR pixels a side of such a plane
ALL = slice(None)

Plane = NDArray[np.float32]
Way = tuple[int, int, int, bool, np.float32]
"""Of a crop: top, left, quarter turns, whether it is mirrored, contrast."""


class Crops:
    """Batches of LR crops and of what bicubic up-scaling lacks of their HR versions.

    Every epoch takes the planes anew: at random sizes, shrunk by the scale with or without
    rounding to levels, degraded by other strengths if these are ranges. A crop is then mirrored,
    turned, and its contrast stretched, reduced or reversed about mid-grey.

    Parameters
    ----------
    planes : sequence of float32 [h, w] in [0, 1] or of TrainingImage
        HR luminance or pictures in colour, of any sizes; small ones are continued by reflection.
        Those with LR planes of their own are taken at their own size.
    scale : int
        s.
    crop : int
        Side of a crop in LR pixels.
    batch_size, batches : int
        Crops of a batch, batches of an epoch.
    seed : int
    teacher : function of a plane, optional
        An up-scaler to be imitated: of three planes in four the details are those that it adds
        to bicubic up-scaling; one of the three it enlarges as it is, not shrunk.
    degrade : Degradation, default bicubic
        What makes LR planes of HR ones. If its strengths are ranges, an epoch takes several
        versions of each of few planes.
    """

    def __init__(
        self,
        planes: Sequence[Plane | TrainingImage],
        scale: int,
        crop: int,
        batch_size: int,
        batches: int,
        seed: int,
        teacher: Callable[[Plane], Plane] | None = None,
        degrade: Degradation = BICUBIC,
    ) -> None:
        self.images = [TrainingImage.of(plane) for plane in planes]
        self.scale = scale
        self.crop = check_integer(crop, "crop", 1)
        self.batch_size = check_integer(batch_size, "batch_size", 1)
        self.batches = check_integer(batches, "batches", 1)
        self.seed = seed
        self.teacher = teacher
        self.degrade = degrade

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return self.batches

    def epoch(
        self, number: int, device: "torch.device", share: slice = ALL
    ) -> "Iterator[tuple[Tensor, Tensor]]":
        """Yield LR crops [n, 1, c, c] and details [n, 1, s c, s c] of an epoch, counted from 0.

        Only the crops `share` of each batch are cut; the random numbers do not depend on it.
        """
        import torch

        rng = np.random.default_rng((self.seed, number))
        chosen: Sequence[int] = range(len(self.images))
        if len(self.images) > MOST_PLANES:
            chosen = sorted(rng.choice(len(self.images), MOST_PLANES, replace=False).tolist())
        elif self.degrade.is_range:
            chosen = np.repeat(chosen, -(-MOST_PLANES // len(self.images))).tolist()
        pairs = [self._pair(self.images[image], rng) for image in chosen]
        areas = np.array([lr.size for lr, _ in pairs], np.float64)
        for _ in range(self.batches):
            drawn = rng.choice(len(pairs), self.batch_size, p=areas / areas.sum())
            ways = [(pairs[pair], self._way(pairs[pair][0], rng)) for pair in drawn]
            crops = [self._cut(*way) for way in ways[share]]
            inputs, targets = (np.stack(side)[:, None] for side in zip(*crops, strict=True))
            yield torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device)

    def identity(self) -> str:
        """Return sizes, order and a digest of the planes, and of what the teacher makes of one."""
        digest = hashlib.blake2b(digest_size=16)
        for image in self.images:
            for plane in (image.hr,) if image.lr is None else (image.hr, image.lr):
                digest.update(f"{plane.shape}".encode() + np.ascontiguousarray(plane).tobytes())
        if self.teacher is not None:
            noise = np.random.default_rng(0).uniform(size=(16, 16)).astype(np.float32)
            digest.update(self.teacher(noise).tobytes())
        numbers = (self.scale, self.crop, self.batch_size, self.batches, self.seed)
        degraded = "" if self.degrade == BICUBIC else f" {self.degrade!r}"
        return f"{len(self.images)} {digest.hexdigest()} {numbers}{degraded}"

    def _pair(self, image: TrainingImage, rng: np.random.Generator) -> tuple[Plane, Plane]:
        """Return the LR version of an image at a random size, and the details it lacks."""
        scale, side = self.scale, self.crop * self.scale
        is_taught = self.teacher is not None and rng.random() < TAUGHT
        if image.lr is not None:
            return self._given_pair(image.hr, image.lr, is_taught, rng)
        most = max(LARGEST_SIDE, side)
        top, left = (rng.integers(max(n - most, 0) + 1) for n in image.shape)
        hr = image.part(slice(top, top + most), slice(left, left + most))
        if rng.random() >= WHOLE:
            least = max(SMALLEST_SIZE, min(1, side / min(hr.shape[:2])))  # large enough for a crop
            hr = np.clip(imresize(hr, rng.uniform(least, 1)), 0, 1)
        padding = [(0, max(side - n, -n % scale)) for n in hr.shape[:2]]
        hr = np.pad(hr, [*padding, (0, 0)][: hr.ndim], mode="symmetric")
        if is_taught and rng.random() < UNSHRUNK:
            hr = luminance_of(hr)
            top, left = (rng.integers(max(n - LARGEST_UNSHRUNK, 0) + 1) for n in hr.shape)
            lr = hr[top : top + LARGEST_UNSHRUNK, left : left + LARGEST_UNSHRUNK]
        else:
            hr, lr = self.degrade.drawn(rng).pair(hr, scale)
        if rng.random() < ROUNDED:
            lr = (np.round(np.clip(lr, 0, 1) * 255) / 255).astype(np.float32)
        if is_taught and self.teacher is not None:
            hr = self.teacher(np.ascontiguousarray(lr))
        return lr, hr - imresize(lr, scale)

    def _given_pair(
        self, hr: Plane, lr: Plane, is_taught: bool, rng: np.random.Generator
    ) -> tuple[Plane, Plane]:
        """Return a part of an LR plane that came with an HR one, and the details it lacks."""
        scale, most = self.scale, max(LARGEST_SIDE // self.scale, self.crop)
        rows, columns = (
            slice(k, k + most) for k in (rng.integers(max(n - most, 0) + 1) for n in lr.shape)
        )
        hr_rows, hr_columns = (slice(s.start * scale, s.stop * scale) for s in (rows, columns))
        lr, hr = lr[rows, columns], hr[hr_rows, hr_columns]
        missing = [max(0, self.crop - n) for n in lr.shape]
        lr = np.pad(lr, [(0, n) for n in missing], mode="symmetric")
        hr = np.pad(hr, [(0, n * scale) for n in missing], mode="symmetric")
        if is_taught and self.teacher is not None:
            hr = self.teacher(np.ascontiguousarray(lr))
        return lr, hr - imresize(lr, scale)

    def _way(self, lr: Plane, rng: np.random.Generator) -> Way:
        """Draw where a crop lies in an LR plane, and how it is varied."""
        top, left = (rng.integers(n - self.crop + 1) for n in lr.shape)
        turns, is_mirrored = int(rng.integers(4)), rng.random() < 0.5
        contrast = np.float32(rng.uniform(*CONTRASTS) * rng.choice((-1, 1)))
        return top, left, turns, is_mirrored, contrast

    def _cut(self, pair: tuple[Plane, Plane], way: Way) -> tuple[Plane, Plane]:
        """Return a crop of both planes, varied in the same way."""
        lr, details = pair
        top, left, turns, is_mirrored, contrast = way
        parts = []
        for plane, unit in ((lr, 1), (details, self.scale)):
            rows, columns = (slice(n * unit, (n + self.crop) * unit) for n in (top, left))
            part = np.rot90(plane[rows, columns], turns)
            parts.append(part[:, ::-1] if is_mirrored else part)
        return (parts[0] - np.float32(0.5)) * contrast + np.float32(0.5), parts[1] * contrast
