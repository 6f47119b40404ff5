"""Convolution of a plane of features, compiled: the inner loop of the convolutional ARN.

Features lie as [h + 2, w + 2, c] with a rim around the picture, so that the 3 c numbers that
a row of a 3 x 3 window covers lie side by side. A block of outputs, some vectors of channels
of some neighbouring pixels, stays in registers while its 9 c products are summed, always in
the same order: a pixel's result depends on its window alone, to the last bit.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from sr_arn.compilation import compiled
from sr_arn.tiles import NO_RIM, Rim

__all__ = ["Filters", "convolve"]

Array = NDArray[np.float32]


def _registers() -> tuple[int, int, int]:
    """Return the lanes of a vector, and how many vectors, and sums, a block should have."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16, 4, 24  # of 32 registers
    if features.get("avx"):
        return 8, 2, 12  # of 16
    return (4, 4, 24) if features.get("neon") else (4, 2, 12)


LANES, MOST_VECTORS, SUMS = _registers()


class Filters(NamedTuple):
    """3 x 3 filters, arranged for `convolve`.

    Attributes
    ----------
    blocks : tuple of (ndarray [3, 3, c, b], ndarray [b])
        Weights and biases of blocks of output channels, b a multiple of the vector's lanes.
    """

    blocks: tuple[tuple[Array, Array], ...]

    @classmethod
    def of(cls, weight: Array, bias: Array) -> "Filters":
        """Arrange a weight [o, c, 3, 3] and a bias [o]; zeros fill the last vector."""
        vectors = -(-len(weight) // LANES)
        missing = vectors * LANES - len(weight)
        weight = np.pad(weight, [(0, missing), (0, 0), (0, 0), (0, 0)]).transpose(2, 3, 1, 0)
        bias = np.pad(bias, (0, missing))
        count = -(-vectors // MOST_VECTORS)
        ends = [LANES * (vectors * k // count) for k in range(count + 1)]
        return cls(
            tuple(
                (np.ascontiguousarray(weight[..., i:j], np.float32), bias[i:j].astype(np.float32))
                for i, j in pairwise(ends)
            )
        )

    @property
    def channels(self) -> int:
        """Of the output, those that fill the last vector among them."""
        return sum(len(bias) for _, bias in self.blocks)


def convolve(
    features: Array,
    filters: Filters,
    out: Array,
    rim: Rim = NO_RIM,
    add: Array | None = None,
    relu: bool = False,
) -> None:
    """Set the pixels of `out` to those of `features`, convolved.

    Parameters
    ----------
    features : ndarray of float32 [h + 2, w + 2, c], C-contiguous
    filters : Filters
        From c channels to o.
    out : ndarray of float32 [h + 2, w + 2, o], C-contiguous
        Another array; the frame of one pixel is left as it is.
    rim : Rim, default none
        Pixels, beside the frame, whose results are not wanted.
    add : ndarray of float32 [h + 2, w + 2, o], C-contiguous, optional
        Is added to the result.
    relu : bool, default False
        Whether negative results become 0.
    """
    floor = np.float32(0 if relu else -np.inf)
    start = 0
    for weight, bias in filters.blocks:
        size = len(bias)
        vectors, pixels = (0,) * (size // LANES), (0,) * (SUMS * LANES // size)
        added = out if add is None else add
        _convolve(
            features, weight, bias, added, add is not None, floor, start, vectors, pixels, rim, out
        )
        start += size


def _write_block(
    typing: Any,
    features: Any,
    first: Any,
    row: Any,
    channels: Any,
    weight: Any,
    bias: Any,
    add: Any,
    adds: Any,
    floor: Any,
    out: Any,
    at: Any,
    stride: Any,
    vectors: Any,
    pixels: Any,
) -> Any:
    """Compute a block: for each of `pixels`, `vectors` of output channels.

    All arrays are flat. `first` is where the first pixel's window begins in `features`, whose
    rows are `row` numbers apart; `at` is where its results begin in `out` and `add`, `stride`
    those of its neighbour. The lengths of the tuples `vectors` and `pixels` are the sizes, known
    when this is compiled.
    """
    counts = len(vectors), len(pixels)
    signature = types.void(
        features, first, row, channels, weight, bias, add, adds, floor, out, at, stride, vectors,
        pixels,
    )  # fmt: skip

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        _, first, row, channels, _, _, _, adds, floor, _, at, stride, _, _ = args
        memory = {
            name: context.make_array(signature.args[k])(context, builder, args[k]).data
            for name, k in {"features": 0, "weight": 4, "bias": 5, "add": 6, "out": 9}.items()
        }
        _Block(builder, memory, counts).compute(first, row, channels, adds, floor, at, stride)
        return context.get_dummy_value()

    return signature, generate


_block: Any = intrinsic(_write_block)


class _Block:
    """Writes the instructions of a block."""

    def __init__(
        self, builder: ir.IRBuilder, memory: dict[str, ir.Value], counts: tuple[int, int]
    ) -> None:
        self.builder, self.memory = builder, memory
        self.vectors, self.pixels = counts
        self.vector = ir.VectorType(ir.FloatType(), LANES)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{LANES}f32"
        self.multiply_add = cgutils.get_or_insert_function(builder.module, kind, name)

    def compute(
        self,
        first: ir.Value,
        row: ir.Value,
        channels: ir.Value,
        adds: ir.Value,
        floor: ir.Value,
        at: ir.Value,
        stride: ir.Value,
    ) -> None:
        """Write the whole block."""
        builder = self.builder
        every = [(p, v) for p in range(self.pixels) for v in range(self.vectors)]
        # 1. sums in registers, from the bias on
        sums = {key: cgutils.alloca_once(builder, self.vector) for key in every}
        for p, v in every:
            builder.store(self.load("bias", self.integer(v * LANES)), sums[p, v])
        # 2. three rows of 3 c products each
        run = builder.mul(channels, self.integer(3))
        with cgutils.for_range(builder, self.integer(3)) as y:
            window = builder.add(first, builder.mul(y.index, row))
            weights = builder.mul(y.index, run)
            with cgutils.for_range(builder, run) as k:
                here = builder.mul(builder.add(weights, k.index), self.integer(self.width))
                columns = [self.load("weight", here, v * LANES) for v in range(self.vectors)]
                for p in range(self.pixels):
                    place = builder.add(window, builder.mul(channels, self.integer(p)))
                    feature = self.spread(self.load_one("features", builder.add(place, k.index)))
                    for v in range(self.vectors):
                        total = builder.load(sums[p, v])
                        total = builder.call(self.multiply_add, [feature, columns[v], total])
                        builder.store(total, sums[p, v])
        # 3. shortcut, ReLU
        with builder.if_then(adds):
            for p, v in every:
                place = builder.add(at, builder.mul(stride, self.integer(p)))
                shortcut = self.load("add", place, v * LANES)
                builder.store(builder.fadd(builder.load(sums[p, v]), shortcut), sums[p, v])
        least = self.spread(floor)
        for p, v in every:
            total = builder.load(sums[p, v])
            total = builder.select(builder.fcmp_ordered(">", total, least), total, least)
            place = builder.add(at, builder.mul(stride, self.integer(p)))
            target = self.address("out", place, v * LANES)
            builder.store(total, target).align = 4

    @property
    def width(self) -> int:
        """Output channels of the block."""
        return self.vectors * LANES

    def integer(self, value: int) -> ir.Constant:
        return ir.Constant(ir.IntType(64), value)

    def address(self, name: str, place: ir.Value, offset: int = 0) -> ir.Value:
        """Return where a vector lies in an array."""
        place = self.builder.add(place, self.integer(offset))
        pointer = self.builder.gep(self.memory[name], [place])
        return self.builder.bitcast(pointer, self.vector.as_pointer())

    def load(self, name: str, place: ir.Value, offset: int = 0) -> ir.Value:
        """Return the vector at a place of an array."""
        value = self.builder.load(self.address(name, place, offset))
        value.align = 4
        return value

    def load_one(self, name: str, place: ir.Value) -> ir.Value:
        """Return the number at a place of an array."""
        return self.builder.load(self.builder.gep(self.memory[name], [place]))

    def spread(self, number: ir.Value) -> ir.Value:
        """Return a vector of equal numbers."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.builder.shuffle_vector(first, undefined, zeros)


@compiled(nogil=True)
def _convolve(
    features: Array,
    weight: Array,
    bias: Array,
    add: Array,
    adds: bool,
    floor: np.float32,
    start: int,
    vectors: tuple[int, ...],
    pixels: tuple[int, ...],
    rim: Rim,
    out: Array,
) -> None:
    """Fill the channels from `start` on of all pixels but those of frame and rim."""
    top, bottom, left, right = rim
    height, width, channels = features.shape
    stride = out.shape[2]
    x, w, a, o = features.reshape(-1), weight.reshape(-1), add.reshape(-1), out.reshape(-1)
    row, group, end = width * channels, len(pixels), width - 2 - right
    for i in range(top, height - 2 - bottom):
        j = left
        while j < end:
            first, at = i * row + j * channels, ((i + 1) * width + j + 1) * stride + start
            if j + group <= end:
                _block(
                    x, first, row, channels, w, bias, a, adds, floor, o, at, stride, vectors, pixels
                )
                j += group
            elif end - left >= group:  # the last few, with some that are there already
                j = end - group
            else:
                _block(
                    x, first, row, channels, w, bias, a, adds, floor, o, at, stride, vectors, (0,)
                )
                j += 1
