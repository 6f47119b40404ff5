"""Instructions on vectors, written out for the compiler: the innermost loops.

`sr_arn.products` and `sr_arn.convolution` say what they are for. Arrays are C-contiguous, and a
place is an offset into one as if it were flat. The length of the tuple `lanes` says how many
numbers a vector has.
"""

import math
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["largest", "product", "result", "soften", "transform"]


class _Writer:
    """Writes instructions on vectors of some arrays; a place is an offset into one of them.

    Vectors are of `lanes` numbers, float or double.
    """

    def __init__(
        self, builder: ir.IRBuilder, memory: dict[str, ir.Value], number: ir.Type, lanes: int
    ) -> None:
        self.builder, self.memory, self.lanes = builder, memory, lanes
        self.bits = 32 if isinstance(number, ir.FloatType) else 64
        self.vector = ir.VectorType(number, lanes)
        self.counts = ir.VectorType(ir.IntType(32), lanes)

    def at(self, place: ir.Value, *steps: tuple[ir.Value | int, int]) -> ir.Value:
        """Return a place, moved by numbers of steps of some lengths."""
        for length, count in steps:
            step = _constant(length) if isinstance(length, int) else length
            place = self.builder.add(place, self.builder.mul(step, _constant(count)))
        return place

    def load(self, name: str, place: ir.Value) -> ir.Value:
        """Return the vector at a place."""
        value = self.builder.load(self._pointer(name, place, self.vector))
        value.align = self.bits // 8
        return value

    def store(self, value: ir.Value, name: str, place: ir.Value) -> None:
        """Put a vector to a place."""
        pointer = self._pointer(name, place, value.type)
        self.builder.store(value, pointer).align = (
            4 if value.type == self.counts else self.bits // 8
        )

    def load_one(self, name: str, place: ir.Value) -> ir.Value:
        """Return a vector of the number at a place."""
        return self.spread(self.builder.load(self.builder.gep(self.memory[name], [place])))

    def spread(self, number: ir.Value) -> ir.Value:
        """Return a vector of equal numbers."""
        undefined = ir.Constant(ir.VectorType(number.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """Return a b + c."""
        return self._call("fmuladd", a, b, c)

    def size(self, a: ir.Value) -> ir.Value:
        """Return |a|."""
        return self._call("fabs", a)

    def exponential(self, a: ir.Value) -> ir.Value:
        """Return e^a of a at most 0: 2^n e^r with |r| <= ln(2) / 2, and 0 where that is tiny."""
        b, single = self.builder, self.bits == 32
        digits, terms, least = (23, 7, -87.0) if single else (52, 13, -708.0)
        high = 0.693359375 if single else 6.93145751953125e-1  # of ln 2: exact times n
        whole = ir.VectorType(ir.IntType(self.bits), self.lanes)
        shifted = self.multiply_add(a, self.filled(1 / math.log(2)), self.filled(1.5 * 2**digits))
        n = b.fsub(shifted, self.filled(1.5 * 2**digits))
        r = self.multiply_add(n, self.filled(-high), a)
        r = self.multiply_add(n, self.filled(high - math.log(2)), r)
        power = self.filled(1 / math.factorial(terms))
        for k in range(terms - 1, -1, -1):
            power = self.multiply_add(power, r, self.filled(1 / math.factorial(k)))
        exponent = b.shl(b.bitcast(shifted, whole), ir.Constant(whole, [digits] * self.lanes))
        power = b.bitcast(b.add(b.bitcast(power, whole), exponent), self.vector)
        is_tiny = b.fcmp_ordered("<", a, self.filled(least))
        return b.select(is_tiny, self.filled(0.0), power)

    def larger(self, a: ir.Value, c: ir.Value) -> ir.Value:
        """Return the larger of two, in each lane."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, c), a, c)

    def parts(self, a: ir.Value) -> list[ir.Value]:
        """Return the numbers of a vector."""
        lanes = (ir.Constant(ir.IntType(32), lane) for lane in range(self.lanes))
        return [self.builder.extract_element(a, lane) for lane in lanes]

    def filled(self, number: float) -> ir.Value:
        """Return a vector of one number."""
        return ir.Constant(self.vector, [number] * self.lanes)

    def _call(self, name: str, *values: ir.Value) -> ir.Value:
        kind = ir.FunctionType(self.vector, [self.vector] * len(values))
        name = f"llvm.{name}.v{self.lanes}f{self.bits}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, values)

    def _pointer(self, name: str, place: ir.Value, kind: ir.Type) -> ir.Value:
        pointer = self.builder.gep(self.memory[name], [place])
        return self.builder.bitcast(pointer, kind.as_pointer())


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
    numbers: Any,
    weight: Any,
    sums: Any,
    place: Any,
    step: Any,
    count: Any,
    of: Any,
    apart: Any,
    to: Any,
    stride: Any,
    adds: Any,
    lanes: Any,
    vectors: Any,
    rows: Any,
) -> Any:
    """Set rows of `sums`, `stride` apart, to rows of `numbers`, `step` apart, times `weight`.

    The rows are of `count` numbers, as many as `weight` has rows, `apart` from each other. If
    `adds`, the products are added to what is in `sums`. The lengths of the tuples say how many
    vectors of how many rows.
    """
    count_v, count_p = len(vectors), len(rows)

    def write(
        w: _Writer,
        place: Any,
        step: Any,
        count: Any,
        of: Any,
        apart: Any,
        to: Any,
        stride: Any,
        adds: Any,
        *_: Any,
    ) -> None:
        b = w.builder
        every = [(p, v) for p in range(count_p) for v in range(count_v)]
        zero = ir.Constant(w.vector, [0.0] * w.lanes)
        totals = {key: cgutils.alloca_once(b, w.vector) for key in every}
        targets = {(p, v): w.at(to, (stride, p), (w.lanes, v)) for p, v in every}
        with b.if_else(adds) as (some, none):
            with some:
                for key in every:
                    b.store(w.load("sums", targets[key]), totals[key])
            with none:
                for key in every:
                    b.store(zero, totals[key])
        with cgutils.for_range(b, count) as k:
            here = b.add(of, b.mul(k.index, apart))
            columns = [w.load("weight", w.at(here, (w.lanes, v))) for v in range(count_v)]
            for p in range(count_p):
                number = w.load_one("numbers", w.at(b.add(place, k.index), (step, p)))
                for v in range(count_v):
                    total = b.load(totals[p, v])
                    b.store(w.multiply_add(number, columns[v], total), totals[p, v])
        for key in every:
            w.store(b.load(totals[key]), "sums", targets[key])

    places = (place, step, count, of, apart, to, stride, adds)
    arguments = (numbers, weight, sums, *places, lanes, vectors, rows)
    return types.void(*arguments), _generator(write, ("numbers", "weight", "sums"), len(lanes))


def _write_largest(
    typing: Any,
    scores: Any,
    best: Any,
    where: Any,
    stride: Any,
    count: Any,
    lanes: Any,
    rows: Any,
) -> Any:
    """Set `best` to the largest |score| in each lane of rows of `scores`, `stride` apart.

    The rows are of `count` vectors. `where`, of int32, is set to the first that has it.
    """
    count_p = len(rows)

    def write(w: _Writer, stride: Any, count: Any, *_: Any) -> None:
        b = w.builder
        least, first = (
            ir.Constant(w.vector, [-1.0] * w.lanes),
            ir.Constant(w.counts, [0] * w.lanes),
        )
        tops = [cgutils.alloca_once_value(b, least) for _ in range(count_p)]
        places = [cgutils.alloca_once_value(b, first) for _ in range(count_p)]
        with cgutils.for_range(b, count) as k:
            number = w.spread(b.trunc(k.index, ir.IntType(32)))
            for p, (top, place) in enumerate(zip(tops, places, strict=True)):
                start = b.mul(k.index, _constant(w.lanes))
                size = w.size(w.load("scores", w.at(start, (stride, p))))
                is_more = b.fcmp_ordered(">", size, b.load(top))
                b.store(b.select(is_more, size, b.load(top)), top)
                b.store(b.select(is_more, number, b.load(place)), place)
        for p, (top, place) in enumerate(zip(tops, places, strict=True)):
            w.store(b.load(top), "best", _constant(p * w.lanes))
            w.store(b.load(place), "where", _constant(p * w.lanes))

    arguments = (scores, best, where, stride, count, lanes, rows)
    return types.void(*arguments), _generator(write, ("scores", "best", "where"), len(lanes))


def _write_soften(
    typing: Any,
    scores: Any,
    offsets: Any,
    factors: Any,
    absolute: Any,
    stride: Any,
    count: Any,
    lanes: Any,
    rows: Any,
) -> Any:
    """Turn rows of `scores` into e^(score factor + offset), divided by the sum of the row.

    The rows are of `count` vectors, `stride` apart, and have a factor each; if `absolute`, |score|
    stands for the score.
    """
    count_p = len(rows)

    def write(w: _Writer, absolute: Any, stride: Any, count: Any, *_: Any) -> None:
        b = w.builder
        factors = [w.load_one("factors", _constant(p)) for p in range(count_p)]
        tops = [cgutils.alloca_once_value(b, w.filled(-math.inf)) for _ in range(count_p)]
        totals = [cgutils.alloca_once_value(b, w.filled(0.0)) for _ in range(count_p)]

        def places(k: Any) -> list[ir.Value]:
            start = b.mul(k.index, _constant(w.lanes))
            return [w.at(start, (stride, p)) for p in range(count_p)]

        with cgutils.for_range(b, count) as k:
            offset = w.load("offsets", b.mul(k.index, _constant(w.lanes)))
            for place, factor, top in zip(places(k), factors, tops, strict=True):
                score = w.load("scores", place)
                score = b.select(absolute, w.size(score), score)
                score = w.multiply_add(score, factor, offset)
                w.store(score, "scores", place)
                b.store(w.larger(score, b.load(top)), top)
        for p, top in enumerate(tops):
            largest, *others = w.parts(b.load(top))
            for other in others:
                largest = b.select(b.fcmp_ordered(">", other, largest), other, largest)
            b.store(w.spread(largest), tops[p])
        with cgutils.for_range(b, count) as k:
            for place, top, total in zip(places(k), tops, totals, strict=True):
                power = w.exponential(b.fsub(w.load("scores", place), b.load(top)))
                w.store(power, "scores", place)
                b.store(b.fadd(b.load(total), power), total)
        for p, total in enumerate(totals):
            sum_, *others = w.parts(b.load(total))
            for other in others:
                sum_ = b.fadd(sum_, other)
            b.store(b.fdiv(w.filled(1.0), w.spread(sum_)), totals[p])
        with cgutils.for_range(b, count) as k:
            for place, share in zip(places(k), totals, strict=True):
                w.store(b.fmul(w.load("scores", place), b.load(share)), "scores", place)

    arguments = (scores, offsets, factors, absolute, stride, count, lanes, rows)
    return types.void(*arguments), _generator(write, ("scores", "offsets", "factors"), len(lanes))


def _constant(number: int) -> ir.Value:
    return ir.Constant(ir.IntType(64), number)


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
    """Return numba's code generator of `write`, whose first arguments are arrays of one dtype.

    But for `where`, of int32.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        memory = {
            name: context.make_array(kind)(context, builder, value).data
            for name, kind, value in zip(arrays, signature.args, values, strict=False)
        }
        number = context.get_data_type(signature.args[0].dtype)
        write(_Writer(builder, memory, number, lanes), *values[len(arrays) :])
        return context.get_dummy_value()

    return generate


transform: Any = intrinsic(_write_transform)
product: Any = intrinsic(_write_product)
result: Any = intrinsic(_write_result)
largest: Any = intrinsic(_write_largest)
soften: Any = intrinsic(_write_soften)
