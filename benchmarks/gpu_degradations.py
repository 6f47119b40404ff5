"""What degrades a picture, for `gpu_batches.py`: filters, JPEG on luminance; and how strongly."""

import torch
from gpu_planes import resizing_matrix
from torch import Tensor

BLOCK = 8  # pixels along a side that JPEG transforms together
QUANTISATION = (  # ITU-T T.81, table K.1: steps of luminance at quality 50
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)


def strength_of_jpeg(quality: Tensor) -> Tensor:
    """Return the first of `Strengths.coordinates`, of qualities 1 to 100."""
    return torch.log2(1 + _percent(quality) / 10) / 6


def strength_of_noise(sigma: Tensor) -> Tensor:
    """Return the second of `Strengths.coordinates`, of standard deviations in levels of 255."""
    return torch.log2(1 + sigma / 2) / 4


def _percent(quality: Tensor) -> Tensor:
    """Return by how much a quality multiplies the quantisation table, in per cent."""
    return torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)


class Jpeg:
    """What JPEG leaves of luminance, without its lossless part.

    Parameters
    ----------
    device : device
    """

    def __init__(self, device: torch.device) -> None:
        place = torch.arange(BLOCK, dtype=torch.float32)
        cosines = torch.cos(torch.pi * (2 * place + 1) * place[:, None] / (2 * BLOCK)) / 2
        cosines[0] = BLOCK**-0.5
        self.cosines = cosines.to(device)  # the orthonormal DCT-II, [frequency, place]
        table = torch.tensor(QUANTISATION, dtype=torch.float32, device=device)
        self.table = table.reshape(BLOCK, BLOCK)

    def __call__(self, y: Tensor, quality: Tensor) -> Tensor:
        """Return what is decoded again.

        Parameters
        ----------
        y : Tensor [n, h, w] in [0, 1]
            BT.601 luminance in studio range, as `sr_arn.pictures.color` has it; JPEG has full
            range. Both sides are multiples of 8.
        quality : Tensor [n]
            1 to 100, by the scale of the Independent JPEG Group; it need not be whole.
        """
        n, height, width = y.shape
        full = ((255 * y - 16) * (255 / 219)).round().clamp(0, 255) - 128
        steps = ((self.table * _percent(quality)[:, None, None] + 50) / 100).floor().clamp(1, 255)
        steps = steps[:, None, None]  # [n, 1, 1, 8, 8]
        blocks = full.reshape(n, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(2, 3)
        frequencies = self.cosines @ blocks @ self.cosines.T
        frequencies = (frequencies / steps).round() * steps
        blocks = self.cosines.T @ frequencies @ self.cosines
        full = blocks.transpose(2, 3).reshape(n, height, width) + 128
        return (full.round().clamp(0, 255) * (219 / 255) + 16) / 255


def noise_in(y: Tensor) -> Tensor:
    """Return the noise [n] of planes [n, h, w] in [0, 1] of even sides, in levels of 255.

    It is the median absolute value of the finest diagonal Haar details, over that of a normal
    distribution of deviation 1 (Donoho & Johnstone, 1994).
    """
    even, odd = y[:, ::2], y[:, 1::2]
    diagonal = (even[..., ::2] - even[..., 1::2] - odd[..., ::2] + odd[..., 1::2]) / 2
    return diagonal.abs().flatten(1).median(dim=1).values * (255 / 0.6745)


def shrinking_matrices(scale: int, count: int) -> Tensor:
    """Return the ways to make `count` LR pixels: [5, count, count * scale], rows sum to 1.

    They are bicubic, the mean of each square, Lanczos with 3 lobes, linear, and a pixel alone.
    """
    hr = (torch.arange(count * scale, dtype=torch.float64) + 0.5) / scale
    x = hr - (torch.arange(count) + 0.5)[:, None]  # LR pixels
    lanczos = torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), 0)
    nearest = torch.zeros_like(x)
    nearest[torch.arange(count), torch.arange(count) * scale + scale // 2] = 1
    others = torch.stack([(x.abs() < 0.5).double(), lanczos, (1 - x.abs()).clamp_min(0), nearest])
    others = others / others.sum(2, keepdim=True)
    return torch.cat([resizing_matrix(count * scale, 1 / scale)[None], others.float()])
