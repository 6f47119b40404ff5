"""Batches for `train_gpu.py`, made on the device: of clean LR crops, and of degraded ones.

A camera, an editor and a JPEG encoder each leave something in a picture. What they do is simulated
here on luminance, with random strengths; the network is told the strengths.
"""

from typing import NamedTuple

import numpy as np
import torch
from gpu_degradations import (
    BLOCK,
    Jpeg,
    noise_in,
    shrinking_matrices,
    strength_of_jpeg,
    strength_of_noise,
)
from gpu_planes import Bicubic, Buffer, resized
from torch import Tensor
from torch.nn import functional as F

BATCH = 64  # crops
CROP = 48  # LR pixels along a side
MARGIN = 6  # LR pixels around a crop that filters see and that are cut off then
BLUR = 6  # HR pixels on either side that a blur reaches
BLURRED, MOST_BLUR = 0.1, 0.65  # share of the crops that are blurred then; LR pixels, the most
SOFT, SOFTEST = 0.3, 1.6  # share of the crops that are soft by nature; HR pixels, the most of it
KERNELS = (0.64, 0.1, 0.08, 0.08, 0.1)  # shares of the ways to shrink: see `shrinking_matrices`


class Batch(NamedTuple):
    """What a network is given, and what it shall return.

    Attributes
    ----------
    inputs : tuple of Tensor
        LR crops [n, 1, h, w] and, if they are degraded, strengths [n, 2].
    details : Tensor [n, 1, s h, s w]
        What bicubic up-scaling of the LR crops lacks of the clean HR ones.
    """

    inputs: tuple[Tensor, ...]
    details: Tensor


class Clean:
    """Batches of bicubic LR crops.

    Parameters
    ----------
    planes : list of Tensor [h, w] in [0, 1]
    scale : int
        s, HR pixels per LR pixel.
    crop, batch : int
        LR pixels along a side of a crop, and crops.
    seed : int, default 1
        Of the crops.
    """

    def __init__(
        self,
        planes: list[Tensor],
        scale: int,
        crop: int = CROP,
        batch: int = BATCH,
        seed: int = 1,
    ) -> None:
        whole = [p[: len(p) // scale * scale, : p.shape[1] // scale * scale] for p in planes]
        whole = [plane for plane in whole if min(plane.shape) >= crop * scale]
        self.scale, self.crop, self.batch = scale, crop, batch
        self.hr = Buffer(whole)
        self.lr = Buffer([resized(plane, 1 / scale) for plane in whole])
        self.bicubic = Bicubic(scale, planes[0].device)
        self.generator = torch.Generator(planes[0].device).manual_seed(seed)

    def __call__(self) -> Batch:
        """Return the next: half of the crops rounded to levels, each with a contrast of its own."""
        draws = Draws(self.batch, self.generator)
        which = draws.indices(self.lr.areas)
        top = draws.below(self.lr.heights[which] - self.crop + 1)
        left = draws.below(self.lr.widths[which] - self.crop + 1)
        turns = draws.turns()
        lr = self.lr.crops(which, top, left, self.crop, turns)
        hr_side = self.crop * self.scale
        hr = self.hr.crops(which, top * self.scale, left * self.scale, hr_side, turns)
        lr = torch.where(of_planes(draws.chance(0.5)), rounded(lr), lr)
        details = hr[:, None] - self.bicubic(lr)
        sign = torch.where(draws.chance(0.5), -1.0, 1.0)  # a negative has details, too
        contrast = of_planes(sign * draws.between(0.5, 1.3))
        lr = (lr - 0.5) * contrast + 0.5
        return Batch((lr[:, None],), details * contrast[:, None])


class Degraded:
    """Batches of LR crops that were blurred, noisy, compressed, or all of it, with their strengths.

    Parameters
    ----------
    planes : list of Tensor [h, w] in [0, 1]
    scale : int
        s, HR pixels per LR pixel.
    crop, batch : int
        LR pixels along a side of a crop, a multiple of 8, and crops.
    seed : int, default 1
        Of the crops, and of what degrades them.
    """

    def __init__(
        self,
        planes: list[Tensor],
        scale: int,
        crop: int = CROP,
        batch: int = BATCH,
        seed: int = 1,
    ) -> None:
        device = planes[0].device
        self.scale, self.crop, self.batch = scale, crop, batch
        lr_side = crop + BLOCK + 2 * MARGIN  # JPEG's blocks begin anywhere in a crop
        self.side = lr_side * scale
        self.hr = Buffer([plane for plane in planes if min(plane.shape) >= self.side])
        self.bicubic, self.jpeg = Bicubic(scale, device), Jpeg(device)
        self.shrinking = shrinking_matrices(scale, lr_side).to(device)
        self.kernels = torch.tensor(KERNELS, device=device)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.shifts = np.random.default_rng(seed)  # alike for all crops of a batch

    def __call__(self) -> Batch:
        """Return the next."""
        draws = Draws(self.batch, self.generator)
        # 1. HR crops, half of them of less contrast; some are soft, and shall stay so
        which = draws.indices(self.hr.areas)
        top = draws.below(self.hr.heights[which] - self.side + 1)
        left = draws.below(self.hr.widths[which] - self.side + 1)
        hr = self.hr.crops(which, top, left, self.side, draws.turns())
        hr = blurred(hr[None], draws, SOFT, SOFTEST)[0]
        contrast = torch.where(draws.chance(0.5), 1.0, draws.between(0.6, 1.0))
        hr = (hr - 0.5) * of_planes(contrast) + 0.5
        # 2. LR crops: blurred, shrunk, noisy, mostly rounded, mostly compressed
        matrix = self.shrinking[draws.indices(self.kernels)]
        unsharp = blurred(hr[None], draws, BLURRED, MOST_BLUR * self.scale)[0]
        lr = matrix @ unsharp @ matrix.transpose(1, 2)
        lr = lr[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        sigma = torch.where(draws.chance(0.45), 0.3 + 14.7 * draws.between(0, 1) ** 2, 0.0)
        lr = self._noisy(lr, sigma, draws)
        lr = torch.where(of_planes(draws.chance(0.7)), rounded(lr), lr.clamp(0, 1))
        seen = noise_in(lr)
        is_jpeg, quality = draws.chance(0.72), 98 - 80 * draws.between(0, 1) ** 1.3
        lr = self._compressed(lr, is_jpeg, quality, draws)
        # 3. what is told: noise as known roughly or, where no JPEG hides it, as measured
        known = sigma * draws.between(0.8, 1.25)
        told = torch.where(is_jpeg | draws.chance(0.5), known, seen)
        compressed = torch.where(is_jpeg, strength_of_jpeg(quality), 0.0)
        strengths = torch.stack([compressed, strength_of_noise(told)], 1)
        # 4. crops that begin anywhere in a block
        (row, column), s = self.shifts.integers(0, BLOCK + 1, 2).tolist(), self.scale
        lr = lr[:, row : row + self.crop, column : column + self.crop]
        hr = hr[:, (MARGIN + row) * s :, (MARGIN + column) * s :]
        hr = hr[:, : self.crop * s, : self.crop * s]
        return Batch((lr[:, None], strengths), hr[:, None] - self.bicubic(lr))

    def _noisy(self, lr: Tensor, sigma: Tensor, draws: "Draws") -> Tensor:
        """Return LR crops with Gaussian noise, of a third of them as photons make it."""
        shot = (0.15 + 1.7 * lr.clamp(0, 1)).sqrt()
        local = torch.where(of_planes(draws.chance(0.33)), shot, 1.0)
        noise = torch.randn(lr.shape, device=lr.device, generator=self.generator)
        return lr + of_planes(sigma) / 255 * local * noise

    def _compressed(self, lr: Tensor, is_jpeg: Tensor, quality: Tensor, draws: "Draws") -> Tensor:
        """Return LR crops after JPEG, of a few after another before it with other blocks."""
        better = torch.maximum(quality, draws.between(40, 98))
        row, column = self.shifts.integers(0, BLOCK, 2).tolist()
        moved = self.jpeg(torch.roll(lr, (row, column), (1, 2)), better)
        once = torch.roll(moved, (-row, -column), (1, 2))
        lr = torch.where(of_planes(is_jpeg & draws.chance(0.15)), once, lr)
        return torch.where(of_planes(is_jpeg), self.jpeg(lr, quality), lr)


def blurred(hr: Tensor, draws: "Draws", share: float, largest: float) -> Tensor:
    """Return planes [k, n, h, w] of n crops, a share of them blurred by Gaussians not quite round.

    The standard deviations are 0.2 HR pixels to 0.2 more than `largest`.
    """
    place = torch.arange(-BLUR, BLUR + 1, device=hr.device)
    is_blurred, common = draws.chance(share), draws.between(0, 1)
    for window, ends in (((-1, 1), (0, 0, BLUR, BLUR)), ((1, -1), (BLUR, BLUR, 0, 0))):
        own = largest * (common + draws.between(0, 1)) / 2
        sigma = torch.where(is_blurred, 0.2 + own, 0.05)  # HR pixels; 0.05 changes nothing
        weights = torch.softmax(-0.5 * (place / sigma[:, None]) ** 2, 1)
        filters = weights.reshape(len(sigma), 1, *window)
        around = F.pad(hr, ends, mode="replicate")
        hr = F.conv2d(around, filters, groups=len(sigma))
    return hr


# --- random numbers ----------------------------------------------------------------


class Draws:
    """Random numbers of a batch: each method returns one for each crop."""

    COUNT = 32  # at most

    def __init__(self, crops: int, generator: torch.Generator) -> None:
        self._crops, self._generator = crops, generator
        shape = self.COUNT, crops
        self._rows = iter(torch.rand(shape, device=generator.device, generator=generator).unbind())

    def between(self, low: float, high: float) -> Tensor:
        """Return numbers in a range."""
        return low + (high - low) * next(self._rows)

    def chance(self, share: float) -> Tensor:
        """Return a bool that is true for a share of the crops."""
        return next(self._rows) < share

    def below(self, ends: Tensor) -> Tensor:
        """Return integers from 0 to below `ends`."""
        return (next(self._rows) * ends).long()

    def indices(self, weights: Tensor) -> Tensor:
        """Return indices of weights, as often as those are large."""
        return torch.multinomial(weights, self._crops, replacement=True, generator=self._generator)

    def turns(self) -> Tensor:
        """Return whether a crop is flipped, in three ways: bool [3, n]."""
        return torch.stack([self.chance(0.5) for _ in range(3)])


def of_planes(numbers: Tensor) -> Tensor:
    """Return numbers [n] as [n, 1, 1], for planes [n, h, w]."""
    return numbers[:, None, None]


def rounded(y: Tensor) -> Tensor:
    """Return planes rounded to levels of 255."""
    return (y.clamp(0, 1) * 255).round() / 255
