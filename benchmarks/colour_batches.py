"""Batches for `train_colour.py`: degraded LR crops in colour, and what bicubic Cb and Cr lack."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import torch
from gpu_batches import (
    BLURRED,
    KERNELS,
    MARGIN,
    MOST_BLUR,
    SOFT,
    SOFTEST,
    Batch,
    Draws,
    blurred,
    rounded,
)
from gpu_degradations import BLOCK, shrinking_matrices, strength_of_jpeg, strength_of_noise
from gpu_planes import Bicubic, Buffer
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sr_arn.pictures.color import rgb_to_ycbcr

CROP, BATCH = 32, 16  # LR pixels along a side of a crop; crops
JPEG, NOISY = 0.6, 0.35  # shares of the crops
WORST, BEST = 15, 97  # quality
FINEST = 100, 0.05  # quality of JPEGs that pass for clean pictures, and share of the others
FULL = 0.25  # share of the JPEGs whose colour is not subsampled
TWICE = 0.15  # share of the JPEGs that were one before
LUMINANCE = 0.574  # how much of the standard deviation of noise in RGB is in Y, studio range

Pixels = NDArray[np.uint8]


class DegradedColour:
    """Batches of LR crops in colour that were blurred, noisy, compressed, or all of it.

    Parameters
    ----------
    pictures : list of ndarray of uint8 [h, w, 3]
    scale : int
        s, HR pixels per LR pixel.
    crop, batch : int
        LR pixels along a side of a crop, and crops.
    seed : int, default 1
        Of the crops, and of what degrades them.
    """

    def __init__(
        self,
        pictures: list[Pixels],
        scale: int,
        crop: int = CROP,
        batch: int = BATCH,
        seed: int = 1,
    ) -> None:
        self.scale, self.crop, self.batch = scale, crop, batch
        lr_side = crop + BLOCK + 2 * MARGIN  # JPEG's blocks begin anywhere in a crop
        self.side = lr_side * scale
        large = [picture for picture in pictures if min(picture.shape[:2]) >= self.side]
        self.hr = Buffer([torch.from_numpy(picture[..., 0]) for picture in large])
        self.hr.pixels = torch.cat(
            [torch.from_numpy(p).flatten(0, 1) for p in large]
        )  # [pixels, 3]
        self.bicubic = Bicubic(scale, torch.device("cpu"))
        self.shrinking = shrinking_matrices(scale, lr_side)
        self.kernels = torch.tensor(KERNELS)
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = np.random.default_rng(seed)

    def __call__(self) -> Batch:
        """Return the next: LR crops of Y, Cb, Cr, and details of Cb and Cr."""
        draws = Draws(self.batch, self.generator)
        # 1. HR crops, some of them soft
        which = draws.indices(self.hr.areas)
        top = draws.below(self.hr.heights[which] - self.side + 1)
        left = draws.below(self.hr.widths[which] - self.side + 1)
        pixels = self.hr.crops(which, top, left, self.side, draws.turns())  # [n, side, side, 3]
        hr = blurred(pixels.permute(3, 0, 1, 2).float() / 255, draws, SOFT, SOFTEST)
        # 2. LR crops: blurred, shrunk, noisy, rounded, mostly compressed
        matrix = self.shrinking[draws.indices(self.kernels)]
        unsharp = blurred(hr, draws, BLURRED, MOST_BLUR * self.scale)
        lr = (matrix @ unsharp @ matrix.transpose(1, 2))[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
        sigma = torch.where(draws.chance(NOISY), 0.5 + 24.5 * draws.between(0, 1) ** 2, 0.0)
        noise = torch.randn(lr.shape, generator=self.generator)
        lr = rounded(lr + sigma[:, None, None] / 255 * noise)
        is_jpeg, quality = draws.chance(JPEG), BEST - (BEST - WORST) * draws.between(0, 1) ** 1.3
        lr = self._compressed(lr, is_jpeg, quality)
        # 3. what is told: noise as known roughly
        told = LUMINANCE * sigma * draws.between(0.8, 1.25)
        compressed = torch.where(is_jpeg, strength_of_jpeg(quality.round()), 0.0)
        strengths = torch.stack([compressed, strength_of_noise(told)], 1)
        # 4. crops that begin anywhere in a block
        (row, column), s = self.rng.integers(0, BLOCK + 1, 2).tolist(), self.scale
        lr = ycbcr(lr[..., row : row + self.crop, column : column + self.crop])
        hr = hr[..., (MARGIN + row) * s :, (MARGIN + column) * s :]
        hr = ycbcr(hr[..., : self.crop * s, : self.crop * s])[:, 1:]
        start = self.bicubic(lr[:, 1:].flatten(0, 1)).unflatten(0, (len(lr), 2))[:, :, 0]
        return Batch((lr, strengths), hr - start)

    def _compressed(self, lr: Tensor, is_jpeg: Tensor, quality: Tensor) -> Tensor:
        """Return LR crops [3, n, h, w] after JPEG, some of them twice; a few others are as good."""
        pixels = (lr.permute(1, 2, 3, 0) * 255).round().to(torch.uint8).numpy()
        for number, crop in enumerate(pixels):
            subsampling = 0 if self.rng.random() < FULL else 2
            if is_jpeg[number]:
                found = round(float(quality[number]))
                if self.rng.random() < TWICE:
                    row, column = self.rng.integers(0, BLOCK, 2)
                    moved = np.roll(crop, (row, column), (0, 1))
                    moved = after_jpeg(moved, max(found, int(self.rng.integers(40, 98))), 2)
                    crop = np.roll(moved, (-row, -column), (0, 1))
                pixels[number] = after_jpeg(crop, found, subsampling)
            elif self.rng.random() < FINEST[1]:
                best = int(self.rng.integers(BEST, FINEST[0] + 1))
                pixels[number] = after_jpeg(crop, best, subsampling)
        return torch.from_numpy(pixels).permute(3, 0, 1, 2).float() / 255


def after_jpeg(pixels: Pixels, quality: int, subsampling: int) -> Pixels:
    """Return what Pillow decodes of the JPEG that it made; 4:4:4 is 0 and 4:2:0 is 2."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(file) as image:
        return np.asarray(image)


def ycbcr(planes: Tensor) -> Tensor:
    """Return RGB planes [3, n, h, w] as Y, Cb, Cr [n, 3, h, w], as the package has them."""
    return torch.from_numpy(rgb_to_ycbcr(planes.permute(1, 2, 3, 0).numpy())).permute(0, 3, 1, 2)


def pyramid(pictures: list[Pixels], sizes: tuple[float, ...], smallest: int) -> list[Pixels]:
    """Return pictures in several sizes, of those that have so many pixels along both sides."""
    from sr_arn.pictures.resize import imresize

    def versions(picture: Pixels) -> list[Pixels]:
        found = [picture if size == 1 else imresize(picture, size) for size in sizes]
        return [version for version in found if min(version.shape[:2]) >= smallest]

    with ThreadPoolExecutor() as pool:
        return [version for found in pool.map(versions, pictures) for version in found]
