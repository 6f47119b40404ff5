"""Luminance planes for `train_gpu.py`: packed into one file, then on the device, all in one buffer.

Pictures are read by the package, on a machine that holds them. The file has their luminance alone,
so that a machine with a GPU needs no more than NumPy and Pillow to read it.
"""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sr_arn.pictures.resize import contributions, resized_length

ABOUT = "about"  # the entry of a file that is no plane
TRAINING, HELD_OUT = "training", "held_out"  # what the names of planes begin with
SIZES = (1.0, 0.8, 0.65, 0.5)  # of the pictures that are learned from
SMALLEST = 150  # pixels along the shorter side of those

Levels = NDArray[np.uint8]


class Split(NamedTuple):
    """What becomes of the pictures of a set."""

    training: list[Path]
    held_out: list[Path]


class Planes(NamedTuple):
    """Planes of uint8 [h, w] by the set that they are of, in levels of 255."""

    training: dict[str, list[Levels]]
    held_out: dict[str, list[Levels]]
    digest: str
    """Of the pictures that are learned from: `sr_arn.datasets.folders.digest`."""


# --- files -------------------------------------------------------------------------


def splits(data: Path) -> dict[str, Split]:
    """Return which pictures of the sets in a folder are learned from, and which are held out."""
    from sr_arn.datasets.folders import find_set

    photos, small, bsd = (find_set(data, name) for name in ("open_photos", "T91", "BSD200"))
    apart = photos[7::15][:20]
    return {
        "open_photos": Split([path for path in photos if path not in apart], apart),
        "T91": Split(small, []),
        "BSD200": Split(bsd[1::2], bsd[::8]),
    }


def pack(data: Path, path: Path) -> None:
    """Write the luminance of all pictures of `splits` to an .npz file, as WebP without loss.

    Parameters
    ----------
    data : path
        A folder that holds the sets open_photos, T91 and BSD200.
    path : path
        The file, of 54 MB with these sets.
    """
    from sr_arn.datasets.folders import digest
    from sr_arn.pictures.color import luminance_levels
    from sr_arn.pictures.io import read_image
    from sr_arn.system.files import write_whole

    def packed(file: Path) -> NDArray[np.uint8]:
        buffer = BytesIO()
        levels = luminance_levels(read_image(file).seen(str(file)))
        Image.fromarray(levels).save(buffer, "WEBP", lossless=True)
        return np.frombuffer(buffer.getvalue(), np.uint8)

    entries: dict[str, Any] = {}
    learned: list[Path] = []
    for name, split in splits(data).items():
        for kind, files in zip((TRAINING, HELD_OUT), split, strict=True):
            entries |= {f"{kind}/{name}/{file.stem}": packed(file) for file in files}
        learned += split.training
    about = json.dumps({"digest": digest(learned)}).encode()
    entries[ABOUT] = np.frombuffer(about, np.uint8)
    write_whole(path, lambda file: np.savez(file, **entries))


def read_planes(path: Path) -> Planes:
    """Return what `pack` wrote."""
    with np.load(path) as file:
        packed = {name: file[name].tobytes() for name in file.files}
    about = json.loads(packed.pop(ABOUT))
    planes = Planes({}, {}, about["digest"])
    kinds = {TRAINING: planes.training, HELD_OUT: planes.held_out}
    with ThreadPoolExecutor() as pool:
        for name, levels in zip(packed, pool.map(_unpacked, packed.values()), strict=True):
            kind, set_name, _ = name.split("/")
            kinds[kind].setdefault(set_name, []).append(levels)
    return planes


def _unpacked(data: bytes) -> Levels:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("L"))  # of red, green and blue that are equal: exact


# --- on the device -----------------------------------------------------------------


def on_device(levels: Levels, device: torch.device) -> Tensor:
    """Return a plane as float32 in [0, 1]."""
    return torch.from_numpy(levels.copy()).to(device).float() / 255


def resizing_matrix(length: int, scale: float) -> Tensor:
    """Return the weights of bicubic resizing of an axis: [resized length, length], rows sum to 1.

    They are those of `sr_arn.pictures.resize.imresize`.
    """
    count = resized_length(length, scale)
    taps, weights = contributions(length, scale, count)
    matrix = np.zeros((count, length), np.float32)
    rows = np.broadcast_to(np.arange(count), taps.shape)
    np.add.at(matrix, (rows, taps), weights.astype(np.float32))
    return torch.from_numpy(matrix)


def resized(plane: Tensor, scale: float) -> Tensor:
    """Return a plane [h, w] resized by the bicubic kernel, as `sr_arn.imresize` does."""
    rows, columns = (resizing_matrix(n, scale).to(plane.device) for n in plane.shape)
    return rows @ plane @ columns.T


def pyramid(
    planes: Iterable[Levels], device: torch.device, smallest: int = SMALLEST
) -> list[Tensor]:
    """Return planes [h, w] in [0, 1] at all `SIZES` that leave `smallest` pixels along both sides.

    Smaller versions show more detail per pixel, and less noise.
    """
    found = []
    for levels in planes:
        plane = on_device(levels, device)
        for size in SIZES:
            other = plane if size == 1 else resized(plane, size).clamp(0, 1)
            if min(other.shape) >= smallest:
                found.append(other)
    return found


class Bicubic:
    """Bicubic up-scaling by an integer, as one convolution and a shuffle of pixels.

    Parameters
    ----------
    scale : int
        s, at least 2.
    device : device
    """

    def __init__(self, scale: int, device: torch.device) -> None:
        self.scale = scale
        length, reach = 11, 2  # of a piece far from its ends; LR pixels on either side that matter
        middle = length // 2
        matrix = resizing_matrix(length, scale)
        rows = matrix[middle * scale : (middle + 1) * scale, middle - reach : middle + reach + 1]
        filters = torch.einsum("ay,bx->abyx", rows, rows)
        self.filters = filters.flatten(0, 1)[:, None].to(device)  # [s^2, 1, 5, 5]
        self.reach = reach

    def __call__(self, lr: Tensor) -> Tensor:
        """Return HR planes [n, 1, s h, s w] of LR planes [n, h, w]."""
        around = F.pad(lr[:, None], 4 * [self.reach], mode="replicate")
        return F.pixel_shuffle(F.conv2d(around, self.filters), self.scale)


class Buffer:
    """Planes of several sizes, one after another in memory, that crops of one size are cut from.

    Parameters
    ----------
    planes : sequence of Tensor [h, w]
        At least one.

    Attributes
    ----------
    heights, widths : Tensor of int64 [planes]
    areas : Tensor of float32 [planes]
        Pixels of each.
    """

    def __init__(self, planes: Sequence[Tensor]) -> None:
        device = planes[0].device
        self.heights, self.widths = torch.tensor([p.shape for p in planes], device=device).T
        self.areas = (self.heights * self.widths).float()
        ends = torch.tensor([plane.numel() for plane in planes], device=device).cumsum(0)
        self.starts = ends - self.heights * self.widths
        self.pixels = torch.cat([plane.flatten() for plane in planes])

    def crops(self, which: Tensor, top: Tensor, left: Tensor, side: int, turns: Tensor) -> Tensor:
        """Return square crops [n, side, side].

        Parameters
        ----------
        which, top, left : Tensor of int64 [n]
            The planes, and the crops' first rows and columns there.
        side : int
            In pixels.
        turns : Tensor of bool [3, n]
            Whether a crop is flipped upside down, left to right, and about its diagonal.
        """
        there = torch.arange(side, device=top.device)
        back = side - 1 - there
        down, along = (torch.where(flip[:, None], back, there) for flip in turns[:2])  # [n, side]
        across = turns[2, :, None, None]
        rows = torch.where(across, down[:, None, :], down[:, :, None]) + top[:, None, None]
        columns = torch.where(across, along[:, :, None], along[:, None, :]) + left[:, None, None]
        starts, widths = (n[which, None, None] for n in (self.starts, self.widths))
        return self.pixels[starts + rows * widths + columns]
