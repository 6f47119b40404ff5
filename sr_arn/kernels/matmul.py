"""Products of rows with a matrix that is laid out for vectors: most of the work of prediction.

A row's product is a sum in the order of its numbers, each step a multiply-add, fused where the
processor can: it depends on that row alone, to the last bit.
"""

from typing import Any, NamedTuple

import numpy as np
from numba.core.registry import cpu_target
from numpy.typing import NDArray

from sr_arn.kernels.cache import compiled
from sr_arn.kernels.intrinsics import Rows
from sr_arn.kernels.simd import product

__all__ = [
    "GROUP",
    "REGISTERS",
    "ROWS",
    "Columns",
    "Length",
    "Registers",
    "blocks_of",
    "lanes_of",
    "multiply",
]

FloatArray = NDArray[np.floating[Any]]
Length = tuple[int, ...]
"""A number that code is compiled for: the length of a tuple is part of its type."""


class Registers(NamedTuple):
    """The vector registers that numba compiles for, and the blocks of a product that fill them."""

    lanes: int
    """Numbers of float32 in a vector."""
    rows: int
    """Rows that are multiplied together."""
    vectors: int
    """Vectors in a block of columns, at most, with that many rows."""
    widest: int
    """Vectors in a block of columns, at most, with fewer rows."""
    sums: int
    """Vectors of sums that a block may hold at a time."""


def _registers() -> Registers:
    """Return the registers of numba's target, which need not be this processor."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if "+avx512f" in features:
        return Registers(16, 8, 3, 6, 24)  # of 32 registers
    if "+avx" in features:
        return Registers(8, 4, 2, 2, 12)  # of 16
    if triple.startswith(("aarch64", "arm64")):
        return Registers(4, 4, 6, 6, 24)
    return Registers(4, 4, 2, 2, 12)


REGISTERS = _registers()

GROUP = REGISTERS.rows
ROWS: Length = (0,) * GROUP


def lanes_of(dtype: np.dtype[Any]) -> int:
    """Return how many numbers of float32 or float64 a vector has."""
    return REGISTERS.lanes * 4 // dtype.itemsize


def blocks_of(columns: int, lanes: int, most: int) -> tuple[int, int]:
    """Return a number of blocks for `columns`, and of vectors in each, at most `most`.

    The number of all vectors is the smallest possible.
    """
    vectors = -(-columns // lanes)
    most = min(vectors, most)
    return min(
        ((-(-vectors // each), each) for each in range(-(-most // 2), most + 1)),
        key=lambda block: (block[0] * block[1], block[0]),
    )


class Columns(NamedTuple):
    """A matrix [d, m], laid out for `multiply`.

    Attributes
    ----------
    blocks : ndarray [n, d, b]
        n blocks of b columns; columns beyond m are zeros.
    lanes, vectors : tuple
        Their lengths: numbers in a vector, and vectors in a block.
    """

    blocks: FloatArray
    lanes: Length
    vectors: Length

    @classmethod
    def of(cls, matrix: FloatArray) -> "Columns":
        """Lay out a matrix of float32 or float64."""
        d, m = matrix.shape
        lanes = lanes_of(matrix.dtype)
        count, vectors = blocks_of(m, lanes, REGISTERS.vectors)
        padded = np.zeros((d, count * vectors * lanes), matrix.dtype)
        padded[:, :m] = matrix
        blocks = np.ascontiguousarray(padded.reshape(d, count, -1).transpose(1, 0, 2))
        return cls(blocks, (0,) * lanes, (0,) * vectors)

    @property
    def width(self) -> int:
        """The number of columns, including those of zeros."""
        return self.blocks.shape[0] * self.blocks.shape[2]


@compiled(nogil=True)
def multiply(
    x: FloatArray,
    x_rows: Rows,
    columns: Columns,
    first: int,
    count: int,
    out: FloatArray,
    adds: bool = False,
) -> None:
    """Set GROUP rows of `out` to rows of `x`, of `count` numbers, times rows of the matrix.

    The rows of the matrix are the `count` from `first`. If `adds`, the product is added to `out`.
    """
    n, d, b = columns.blocks.shape
    for block in range(n):
        weight, to = Rows((block * d + first) * b, b), Rows(block * b, out.shape[1])
        lanes, vectors = columns.lanes, columns.vectors
        # x (GROUP, count) @ blocks[block, first:first + count] (count, b)
        # -> out[:, block * b:(block + 1) * b] (GROUP, b)
        product(x, columns.blocks, out, x_rows, weight, to, count, adds, lanes, vectors, ROWS)
