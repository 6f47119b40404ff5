"""The transforms of Winograd's convolution, on vectors.

`sr_arn.kernels.convolution` says what they are for; `sr_arn.kernels.intrinsics` what a place is and
what the tuple means.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from sr_arn.kernels.intrinsics import Writer, written

__all__ = ["result", "transform"]


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

    def write(w: Writer, *values: Any) -> None:
        b, (place, row, channels, to, stride, _) = w.builder, values
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

    arrays = {"features": features, "windows": windows}
    return written(write, lanes, arrays, place, row, channels, to, stride, lanes)


def _in_four(b: ir.IRBuilder, d: Sequence[ir.Value]) -> list[ir.Value]:
    """Return B^T d."""
    return [b.fsub(d[0], d[2]), b.fadd(d[1], d[2]), b.fsub(d[2], d[1]), b.fsub(d[1], d[3])]


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

    def write(w: Writer, *values: Any) -> None:
        b, (place, stride, channels, adds, floor, to, row, _) = w.builder, values
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
                    total = cgutils.alloca_once(b, w.vector)
                    b.store(b.fadd(value, bias), total)
                    with b.if_then(adds):
                        b.store(b.fadd(b.load(total), w.load("add", target)), total)
                    w.store(w.larger(b.load(total), least), "out", target)

    arrays = {"sums": sums, "bias": bias, "add": add, "out": out}
    others = (place, stride, channels, adds, floor, to, row, lanes)
    return written(write, lanes, arrays, *others)


def _in_two(b: ir.IRBuilder, m: Sequence[ir.Value]) -> list[ir.Value]:
    """Return A^T m."""
    return [b.fadd(b.fadd(m[0], m[1]), m[2]), b.fsub(b.fsub(m[1], m[2]), m[3])]


transform: Any = intrinsic(_write_transform)
result: Any = intrinsic(_write_result)
