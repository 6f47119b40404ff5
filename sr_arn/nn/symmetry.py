"""Tied parameters, so that a network turns with the picture.

A picture can be turned and mirrored in 8 ways. If the channels of each layer come in groups of 8,
one for each way, and every filter appears in all 8 of them, the result of a turned picture is the
turned result (Cohen & Welling, "Group equivariant convolutional networks", ICML 2016). Each filter
is learned once instead of 8 times.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

__all__ = ["SYMMETRIES", "channel_moves", "pixel_moves", "tie", "turned"]

SYMMETRIES = 8

Moves = NDArray[np.intp]
"""[8, n]: the new index of each of n things under each symmetry."""


def turned(array: NDArray[np.generic], symmetry: int) -> NDArray[np.generic]:
    """Return an array [..., n, n] after one of 8 symmetries: 4 turns, and 4 mirrored turns."""
    array = np.rot90(array, symmetry % 4, axes=(-2, -1))
    return array[..., ::-1] if symmetry >= 4 else array


def pixel_moves(side: int) -> Moves:
    """Return the moves of the pixels of a square, row by row."""
    pixels = np.arange(side**2).reshape(side, side)
    sources = [turned(pixels, symmetry).ravel() for symmetry in range(SYMMETRIES)]
    return np.argsort(sources, axis=1)


def channel_moves(count: int) -> Moves:
    """Return the moves of channels: those of a group of 8 move as symmetries are composed.

    Channels of an incomplete last group do not move: they look the same from all sides.
    """
    square = np.arange(4).reshape(2, 2)
    numbers = {turned(square, symmetry).tobytes(): symmetry for symmetry in range(SYMMETRIES)}
    after = np.array(
        [
            [numbers[turned(turned(square, first), then).tobytes()] for first in range(SYMMETRIES)]
            for then in range(SYMMETRIES)
        ]
    )
    moves = np.tile(np.arange(count), (SYMMETRIES, 1))
    for start in range(0, count - SYMMETRIES + 1, SYMMETRIES):
        moves[:, start : start + SYMMETRIES] = start + after
    return moves


def tie(
    module: nn.Module,
    name: str,
    *axes: Moves,
    layout: torch.memory_format = torch.contiguous_format,
) -> None:
    """Tie the entries of a parameter that symmetries move onto each other.

    Parameters
    ----------
    module : Module
    name : str
        Of its parameter, which keeps its shape. All entries of a tied set get the value of the
        first, also when the parameter is assigned to.
    *axes : ndarray of int [8, n]
        The moves along each of its axes, or along several axes taken together.
    layout : memory_format
        Of the parameter in memory.
    """
    tied = _Tied(getattr(module, name).shape, axes, layout)
    parametrize.register_parametrization(module, name, tied)


class _Tied(nn.Module):
    """Maps the vector of learned numbers to the whole parameter."""

    which: Tensor
    firsts: Tensor

    def __init__(
        self, shape: torch.Size, axes: tuple[Moves, ...], layout: torch.memory_format
    ) -> None:
        super().__init__()
        lengths = [moves.shape[1] for moves in axes]
        entries = np.arange(np.prod(lengths)).reshape(lengths)
        moved = [entries[np.ix_(*moves)] for moves in zip(*axes, strict=True)]
        firsts, which = np.unique(np.min(moved, axis=0), return_inverse=True)
        self.register_buffer("which", torch.from_numpy(which.ravel()), persistent=False)
        self.register_buffer("firsts", torch.from_numpy(firsts), persistent=False)
        self.shape, self.layout = shape, layout

    def forward(self, learned: Tensor) -> Tensor:
        """Return the parameter."""
        entries = learned.index_select(0, self.which)
        return entries.view(self.shape).contiguous(memory_format=self.layout)

    def right_inverse(self, parameter: Tensor) -> Tensor:
        """Return the learned numbers of a parameter."""
        return parameter.reshape(-1)[self.firsts]
