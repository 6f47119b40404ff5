"""The innermost loops of prediction, on vectors: products with a matrix, the largest, soft shares.

`sr_arn.kernels.matmul` and `sr_arn.kernels.rows` say what they are for; `sr_arn.kernels.intrinsics`
what a place is and what the tuples mean.
"""

import math
from functools import reduce
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from sr_arn.kernels.intrinsics import Writer, constant, written

__all__ = ["largest", "product", "soften"]


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

    def write(w: Writer, *values: Any) -> None:
        b, (place, step, count, of, apart, to, stride, adds, *_) = w.builder, values
        every = [(p, v) for p in range(count_p) for v in range(count_v)]
        totals = {key: cgutils.alloca_once(b, w.vector) for key in every}
        targets = {(p, v): w.at(to, (stride, p), (w.lanes, v)) for p, v in every}
        with b.if_else(adds) as (some, none):
            with some:
                for key in every:
                    b.store(w.load("sums", targets[key]), totals[key])
            with none:
                for key in every:
                    b.store(w.filled(0.0), totals[key])
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

    arrays = {"numbers": numbers, "weight": weight, "sums": sums}
    others = (place, step, count, of, apart, to, stride, adds, lanes, vectors, rows)
    return written(write, lanes, arrays, *others)


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

    def write(w: Writer, stride: Any, count: Any, *_: Any) -> None:
        b, first = w.builder, ir.Constant(w.counts, [0] * w.lanes)
        tops = [cgutils.alloca_once_value(b, w.filled(-1.0)) for _ in range(count_p)]
        places = [cgutils.alloca_once_value(b, first) for _ in range(count_p)]
        with cgutils.for_range(b, count) as k:
            number = w.spread(b.trunc(k.index, ir.IntType(32)))
            for p, (top, place) in enumerate(zip(tops, places, strict=True)):
                start = b.mul(k.index, constant(w.lanes))
                size = w.size(w.load("scores", w.at(start, (stride, p))))
                is_more = b.fcmp_ordered(">", size, b.load(top))
                b.store(b.select(is_more, size, b.load(top)), top)
                b.store(b.select(is_more, number, b.load(place)), place)
        for p, (top, place) in enumerate(zip(tops, places, strict=True)):
            w.store(b.load(top), "best", constant(p * w.lanes))
            w.store(b.load(place), "where", constant(p * w.lanes))

    arrays = {"scores": scores, "best": best, "where": where}
    return written(write, lanes, arrays, stride, count, lanes, rows)


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
    """Turn rows of `scores` into e^(score factor + offset - the largest of these of the row).

    The rows are of `count` vectors, `stride` apart, and have a factor each, which is set to 1 /
    the sum of what the row turns into; if `absolute`, |score| stands for the score.
    """
    count_p = len(rows)

    def write(w: Writer, absolute: Any, stride: Any, count: Any, *_: Any) -> None:
        b = w.builder
        each = [constant(p) for p in range(count_p)]
        factors = [w.load_one("factors", p) for p in each]
        tops = [cgutils.alloca_once_value(b, w.filled(-math.inf)) for _ in range(count_p)]
        totals = [cgutils.alloca_once_value(b, w.filled(0.0)) for _ in range(count_p)]

        def places(k: Any) -> list[ir.Value]:
            start = b.mul(k.index, constant(w.lanes))
            return [w.at(start, (stride, p)) for p in range(count_p)]

        with cgutils.for_range(b, count) as k:
            offset = w.load("offsets", b.mul(k.index, constant(w.lanes)))
            for place, factor, top in zip(places(k), factors, tops, strict=True):
                score = w.load("scores", place)
                score = b.select(absolute, w.size(score), score)
                score = w.multiply_add(score, factor, offset)
                w.store(score, "scores", place)
                b.store(w.larger(score, b.load(top)), top)
        for p, top in enumerate(tops):
            most = reduce(w.larger, w.parts(b.load(top)))
            b.store(w.spread(most), tops[p])
        with cgutils.for_range(b, count) as k:
            for place, top, total in zip(places(k), tops, totals, strict=True):
                power = w.exponential(b.fsub(w.load("scores", place), b.load(top)))
                w.store(power, "scores", place)
                b.store(b.fadd(b.load(total), power), total)
        for p, total in zip(each, totals, strict=True):
            whole = reduce(b.fadd, w.parts(b.load(total)))
            w.store(b.fdiv(ir.Constant(whole.type, 1.0), whole), "factors", p)

    arrays = {"scores": scores, "offsets": offsets, "factors": factors}
    return written(write, lanes, arrays, absolute, stride, count, lanes, rows)


product: Any = intrinsic(_write_product)
largest: Any = intrinsic(_write_largest)
soften: Any = intrinsic(_write_soften)
