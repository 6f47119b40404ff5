"""Convolution of maps of features, compiled: the inner loop of the convolutional ARN.

Winograd's minimal filtering F(2 x 2, 3 x 3) in the form of Lavin and Gray: the 2 x 2 outputs of
a 4 x 4 window are sums of 16 products, not 36. For some windows side by side,

1. their channels are transformed: v = B^T d B, 16 numbers for each window and channel;
2. 16 matrix products with the transformed filters, u = G g G^T, sum over the channels;
3. the sums are transformed back: y = A^T m A.

Maps lie as [h + 2, w + 2, c], framed by what surrounds them, with even h and w; c is a number
of channels that `padded` returns, the last ones being zeros. Every sum is taken in the same
order: a pixel's result depends on its window, and on whether its row and column are even,
alone, to the last bit. The instructions are written out for vectors as wide as the
processor's: left to itself, the compiler reaches a third of their speed.

References
----------
A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numpy.typing import NDArray

from sr_arn.compilation import compiled

__all__ = ["Filters", "convolve", "padded"]

Array = NDArray[np.float32]

WINDOWS = 24  # that are transformed together
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


class Registers(NamedTuple):
    """What numba compiles for."""

    lanes: int
    """Numbers in a vector."""
    vectors: int
    """Of a block of channels at most."""
    sums: int
    """Vectors of them that a block may have at a time."""


def _registers() -> Registers:
    """Return those of numba's target, which need not be this processor."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if "+avx512f" in features:
        return Registers(16, 6, 24)  # of 32 registers
    if "+avx" in features:
        return Registers(8, 2, 12)  # of 16
    return Registers(4, 6, 24) if triple.startswith(("aarch64", "arm64")) else Registers(4, 2, 12)


REGISTERS = _registers()


def padded(channels: int) -> int:
    """Return how many channels a map has that holds so many: whole blocks of vectors."""
    blocks, vectors = _blocks(channels)
    return blocks * vectors * REGISTERS.lanes


def _blocks(channels: int) -> tuple[int, int]:
    """Return the number of blocks of channels, and the vectors of each."""
    vectors = -(-channels // REGISTERS.lanes)
    blocks = -(-vectors // REGISTERS.vectors)
    return blocks, -(-vectors // blocks)


class Filters(NamedTuple):
    """3 x 3 filters, transformed and arranged for `convolve`.

    Attributes
    ----------
    weight : ndarray of float32 [16, n, c, b]
        For n blocks of b output channels.
    bias : ndarray of float32 [n b]
    """

    weight: Array
    bias: Array

    @classmethod
    def of(cls, weight: Array, bias: Array) -> "Filters":
        """Arrange a weight [o, c, 3, 3] and a bias [o]."""
        outputs, inputs = weight.shape[:2]
        missing = padded(outputs) - outputs
        transformed = np.einsum("ik,ockl,jl->ijco", G, weight.astype(np.float64), G)
        pads = [(0, 0), (0, padded(inputs) - inputs), (0, missing)]
        columns = np.pad(transformed.reshape(16, inputs, outputs), pads)
        arranged = columns.reshape(16, padded(inputs), _blocks(outputs)[0], -1)
        return cls(
            np.ascontiguousarray(arranged.transpose(0, 2, 1, 3), np.float32),
            np.pad(bias, (0, missing)).astype(np.float32),
        )


def convolve(
    features: Array,
    filters: Filters,
    out: Array,
    left: int = 0,
    right: int = 0,
    add: Array | None = None,
    relu: bool = False,
) -> None:
    """Set the pixels of `out` to those of `features`, convolved.

    Parameters
    ----------
    features : ndarray of float32 [h + 2, w + 2, c], C-contiguous
        h and w are even; c is that of the filters.
    filters : Filters
    out : ndarray of float32 [h + 2, w + 2, o], C-contiguous
        Another array, o that of the filters; its frame of one pixel is left as it is.
    left, right : int, default 0
        Columns at either side that need not be done; odd ones may be.
    add : ndarray of float32 [h + 2, w + 2, o], C-contiguous, optional
        Is added to the result.
    relu : bool, default False
        Whether negative results become 0.
    """
    added = out if add is None else add
    height, width, channels = features.shape
    fit = (height, width, len(filters.bias)) == out.shape == added.shape
    if not fit or channels != filters.weight.shape[2] or height % 2 or width % 2:
        raise ValueError(f"maps of {features.shape} and {out.shape} for {filters.weight.shape}")
    if any(a.dtype != np.float32 or not a.flags.c_contiguous for a in (features, out, added)):
        raise ValueError("maps: expected float32, C-contiguous")
    # lengths of tuples are types: code is compiled for each, and found again on disk by them
    vectors = filters.weight.shape[3] // REGISTERS.lanes
    rows = max(n for n in (1, 2, 3, 4, 6, 8) if n * vectors <= REGISTERS.sums)  # divides WINDOWS
    sizes = ((0,) * REGISTERS.lanes, (0,) * vectors, (0,) * rows)
    floor = np.float32(0 if relu else -np.inf)
    columns = (left - left % 2, width - 2 - (right - right % 2))
    _convolve(features, *filters, added, add is not None, floor, columns, *sizes, out)


# --- instructions --------------------------------------------------------------------


class _Writer:
    """Writes instructions on vectors of some arrays; a place is an offset into one of them."""

    def __init__(self, builder: ir.IRBuilder, memory: dict[str, ir.Value], lanes: int) -> None:
        self.builder, self.memory, self.lanes = builder, memory, lanes
        self.vector = ir.VectorType(ir.FloatType(), lanes)

    def at(self, place: ir.Value, *steps: tuple[ir.Value | int, int]) -> ir.Value:
        """Return a place, moved by numbers of steps of some lengths."""
        for length, count in steps:
            step = ir.Constant(ir.IntType(64), length) if isinstance(length, int) else length
            times = ir.Constant(ir.IntType(64), count)
            place = self.builder.add(place, self.builder.mul(step, times))
        return place

    def load(self, name: str, place: ir.Value) -> ir.Value:
        """Return the vector at a place."""
        value = self.builder.load(self._pointer(name, place))
        value.align = 4
        return value

    def store(self, value: ir.Value, name: str, place: ir.Value) -> None:
        """Put a vector to a place."""
        self.builder.store(value, self._pointer(name, place)).align = 4

    def load_one(self, name: str, place: ir.Value) -> ir.Value:
        """Return a vector of the number at a place."""
        return self.spread(self.builder.load(self.builder.gep(self.memory[name], [place])))

    def spread(self, number: ir.Value) -> ir.Value:
        """Return a vector of equal numbers."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """Return a b + c."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f32"
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), [a, b, c]
        )

    def _pointer(self, name: str, place: ir.Value) -> ir.Value:
        pointer = self.builder.gep(self.memory[name], [place])
        return self.builder.bitcast(pointer, self.vector.as_pointer())


def _write_transform(
    typing: Any,
    features: Any,
    windows: Any,
    place: Any,
    row: Any,
    channels: Any,
    to: Any,
    stride: Any,
    lanes: Any,
) -> Any:
    """Set 16 rows of `windows`, `stride` apart, to v = B^T d B of a window of `features`."""

    def write(
        w: _Writer, place: Any, row: Any, channels: Any, to: Any, stride: Any, _: Any
    ) -> None:
        b = w.builder
        with cgutils.for_range_slice(
            b, ir.Constant(row.type, 0), channels, ir.Constant(row.type, w.lanes)
        ) as (k, _):
            start = b.add(place, k)
            window = [
                [w.load("features", w.at(start, (row, y), (channels, x))) for x in range(4)]
                for y in range(4)
            ]
            half = [_in_four(b, column) for column in zip(*window, strict=True)]
            for y, line in enumerate(zip(*half, strict=True)):
                for x, value in enumerate(_in_four(b, line)):
                    w.store(value, "windows", w.at(b.add(to, k), (stride, 4 * y + x)))

    arguments = (features, windows, place, row, channels, to, stride, lanes)
    return types.void(*arguments), _generator(write, ("features", "windows"), len(lanes))


def _in_four(b: ir.IRBuilder, d: Sequence[ir.Value]) -> list[ir.Value]:
    """Return B^T d."""
    return [b.fsub(d[0], d[2]), b.fadd(d[1], d[2]), b.fsub(d[2], d[1]), b.fsub(d[1], d[3])]


def _write_product(
    typing: Any,
    windows: Any,
    weight: Any,
    sums: Any,
    place: Any,
    channels: Any,
    of: Any,
    to: Any,
    stride: Any,
    lanes: Any,
    vectors: Any,
    rows: Any,
) -> Any:
    """Set rows of `sums`, `stride` apart, to rows of `windows` times `weight`.

    The lengths of the tuples say how many vectors of how many rows.
    """
    count_v, count_p = len(vectors), len(rows)

    def write(
        w: _Writer, place: Any, channels: Any, of: Any, to: Any, stride: Any, *_: Any
    ) -> None:
        b = w.builder
        every = [(p, v) for p in range(count_p) for v in range(count_v)]
        zero = ir.Constant(w.vector, [0.0] * w.lanes)
        totals = {key: cgutils.alloca_once(b, w.vector) for key in every}
        for key in every:
            b.store(zero, totals[key])
        with cgutils.for_range(b, channels) as k:
            here = w.at(of, (k.index, count_v * w.lanes))
            columns = [w.load("weight", w.at(here, (w.lanes, v))) for v in range(count_v)]
            for p in range(count_p):
                number = w.load_one("windows", w.at(b.add(place, k.index), (channels, p)))
                for v in range(count_v):
                    total = b.load(totals[p, v])
                    b.store(w.multiply_add(number, columns[v], total), totals[p, v])
        for p, v in every:
            w.store(b.load(totals[p, v]), "sums", w.at(to, (stride, p), (w.lanes, v)))

    arguments = (windows, weight, sums, place, channels, of, to, stride, lanes, vectors, rows)
    return types.void(*arguments), _generator(write, ("windows", "weight", "sums"), len(lanes))


def _write_result(
    typing: Any,
    sums: Any,
    bias: Any,
    add: Any,
    out: Any,
    place: Any,
    stride: Any,
    channels: Any,
    adds: Any,
    floor: Any,
    to: Any,
    row: Any,
    lanes: Any,
) -> Any:
    """Set four pixels of `out` to y = A^T m A of 16 rows of `sums`, and what is added to it."""

    def write(
        w: _Writer,
        place: Any,
        stride: Any,
        channels: Any,
        adds: Any,
        floor: Any,
        to: Any,
        row: Any,
        _: Any,
    ) -> None:
        b = w.builder
        least = w.spread(floor)
        with cgutils.for_range_slice(
            b, ir.Constant(row.type, 0), channels, ir.Constant(row.type, w.lanes)
        ) as (k, _):
            start, bias = b.add(place, k), w.load("bias", k)
            m = [
                [w.load("sums", w.at(start, (stride, 4 * y + x))) for x in range(4)]
                for y in range(4)
            ]
            half = [_in_two(b, column) for column in zip(*m, strict=True)]
            for y, line in enumerate(zip(*half, strict=True)):
                for x, value in enumerate(_in_two(b, line)):
                    target = w.at(b.add(to, k), (row, y), (channels, x))
                    result = cgutils.alloca_once(b, w.vector)
                    b.store(b.fadd(value, bias), result)
                    with b.if_then(adds):
                        b.store(b.fadd(b.load(result), w.load("add", target)), result)
                    total = b.load(result)
                    total = b.select(b.fcmp_ordered(">", total, least), total, least)
                    w.store(total, "out", target)

    arguments = (sums, bias, add, out, place, stride, channels, adds, floor, to, row, lanes)
    arrays = ("sums", "bias", "add", "out")
    return types.void(*arguments), _generator(write, arrays, len(lanes))


def _in_two(b: ir.IRBuilder, m: Sequence[ir.Value]) -> list[ir.Value]:
    """Return A^T m."""
    return [b.fadd(b.fadd(m[0], m[1]), m[2]), b.fsub(b.fsub(m[1], m[2]), m[3])]


def _generator(write: Any, arrays: tuple[str, ...], lanes: int) -> Any:
    """Return numba's code generator of `write`, whose first arguments are flat arrays."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        memory = {
            name: context.make_array(kind)(context, builder, value).data
            for name, kind, value in zip(arrays, signature.args, values, strict=False)
        }
        write(_Writer(builder, memory, lanes), *values[len(arrays) :])
        return context.get_dummy_value()

    return generate


_transform: Any = intrinsic(_write_transform)
_product: Any = intrinsic(_write_product)
_result: Any = intrinsic(_write_result)


@compiled(nogil=True)
def _convolve(
    features: Array,
    weight: Array,
    bias: Array,
    add: Array,
    adds: bool,
    floor: np.float32,
    columns: tuple[int, int],
    lanes: tuple[int, ...],
    vectors: tuple[int, ...],
    rows: tuple[int, ...],
    out: Array,
) -> None:
    """Fill the inner rows of `out`, from the first to before the last of `columns`."""
    height, width, c = features.shape
    _, blocks, _, size = weight.shape
    o = blocks * size
    x, u, a, y = features.reshape(-1), weight.reshape(-1), add.reshape(-1), out.reshape(-1)
    of_windows, of_sums = WINDOWS * c + 16, WINDOWS * o + 16  # a power of 2 shares caches badly
    windows, sums = np.zeros(16 * of_windows, x.dtype), np.empty(16 * of_sums, x.dtype)
    group = len(rows)
    for i in range(0, height - 2, 2):
        for j in range(columns[0], columns[1], 2 * WINDOWS):
            count = min(WINDOWS, (columns[1] - j) // 2)
            first, to = i * width + j, (i + 1) * width + j + 1
            for t in range(count):
                _transform(x, windows, (first + 2 * t) * c, width * c, c, t * c, of_windows, lanes)
            for k in range(16):
                for block in range(blocks):
                    of = (k * blocks + block) * c * size
                    for t in range(0, count, group):
                        place, total = k * of_windows + t * c, k * of_sums + t * o + block * size
                        _product(windows, u, sums, place, c, of, total, o, lanes, vectors, rows)
            for t in range(count):
                target = (to + 2 * t) * o
                _result(sums, bias, a, y, t * o, of_sums, o, adds, floor, target, width * o, lanes)
