"""The innermost loops of prediction, on vectors: products with a matrix, the largest, soft shares.

`sr_arn.kernels.matmul` and `sr_arn.kernels.rows` use them. `lanes`, `vectors` and `rows` are
tuples whose lengths code is compiled for: see `sr_arn.kernels.intrinsics`.
"""

import math
from functools import reduce
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sr_arn.kernels.intrinsics import Writer, Written, constant, written

__all__ = ["largest", "product", "soften"]


def _write_product(
    typing: Any,
    x: types.Array,
    weight: types.Array,
    out: types.Array,
    x_rows: types.BaseTuple,
    weight_rows: types.BaseTuple,
    out_rows: types.BaseTuple,
    count: types.Integer,
    adds: types.Boolean,
    lanes: types.BaseTuple,
    vectors: types.BaseTuple,
    rows: types.BaseTuple,
) -> Written:
    """Set rows of `out` to rows of `x`, of `count` numbers, times `count` rows of `weight`.

    `x_rows`, `weight_rows` and `out_rows` are `Rows`. With p rows of v vectors of l lanes,
    x (p, count) @ weight (count, v l) -> out (p, v l). If `adds`, the product is added to `out`.
    """
    count_v, count_p = len(vectors), len(rows)

    def write(w: Writer, *values: Any) -> None:
        b, (*each, count, adds, _, _, _) = w.builder, values
        (x, x_stride), (weight, weight_stride), (out, out_stride) = map(w.rows, each)
        every = [(p, v) for p in range(count_p) for v in range(count_v)]
        totals = {key: cgutils.alloca_once(b, w.vector) for key in every}
        targets = {(p, v): w.at(out, (out_stride, p), (w.lanes, v)) for p, v in every}
        with b.if_else(adds) as (some, none):
            with some:
                for key in every:
                    b.store(w.load("out", targets[key]), totals[key])
            with none:
                for key in every:
                    b.store(w.filled(0.0), totals[key])
        with cgutils.for_range(b, count) as k:
            here = b.add(weight, b.mul(k.index, weight_stride))
            columns = [w.load("weight", w.at(here, (w.lanes, v))) for v in range(count_v)]
            for p in range(count_p):
                number = w.load_one("x", w.at(b.add(x, k.index), (x_stride, p)))
                for v in range(count_v):
                    total = b.load(totals[p, v])
                    b.store(w.multiply_add(number, columns[v], total), totals[p, v])
        for key in every:
            w.store(b.load(totals[key]), "out", targets[key])

    arrays = {"x": x, "weight": weight, "out": out}
    others = (x_rows, weight_rows, out_rows, count, adds, lanes, vectors, rows)
    return written(write, lanes, arrays, *others)


def _write_largest(
    typing: Any,
    scores: types.Array,
    best: types.Array,
    where: types.Array,
    stride: types.Integer,
    count: types.Integer,
    lanes: types.BaseTuple,
    rows: types.BaseTuple,
) -> Written:
    """Set `best` to the largest |score| in each lane of rows of `scores`, `stride` apart.

    A row has `count` vectors. `where`, of int32, is set to the first vector that holds it. With p
    rows of l lanes, scores (p, count l) -> best (p, l), where (p, l).
    """
    count_p = len(rows)

    def write(w: Writer, stride: Any, count: Any, *_: Any) -> None:
        b, first = w.builder, ir.Constant(w.counts, [0] * w.lanes)
        tops = [cgutils.alloca_once_value(b, w.filled(-1.0)) for _ in range(count_p)]
        holders = [cgutils.alloca_once_value(b, first) for _ in range(count_p)]
        with cgutils.for_range(b, count) as k:
            number = w.spread(b.trunc(k.index, ir.IntType(32)))
            for p, (top, holder) in enumerate(zip(tops, holders, strict=True)):
                start = b.mul(k.index, constant(w.lanes))
                size = w.size(w.load("scores", w.at(start, (stride, p))))
                is_more = b.fcmp_ordered(">", size, b.load(top))
                b.store(b.select(is_more, size, b.load(top)), top)
                b.store(b.select(is_more, number, b.load(holder)), holder)
        for p, (top, holder) in enumerate(zip(tops, holders, strict=True)):
            w.store(b.load(top), "best", constant(p * w.lanes))
            w.store(b.load(holder), "where", constant(p * w.lanes))

    arrays = {"scores": scores, "best": best, "where": where}
    return written(write, lanes, arrays, stride, count, lanes, rows)


def _write_soften(
    typing: Any,
    scores: types.Array,
    offsets: types.Array,
    factors: types.Array,
    absolute: types.Boolean,
    stride: types.Integer,
    count: types.Integer,
    lanes: types.BaseTuple,
    rows: types.BaseTuple,
) -> Written:
    """Replace logits = score factor + offset in `scores` by e^(logit - largest logit of the row).

    A row has `count` vectors, `stride` apart, and one factor, which becomes 1 / the sum of the
    row's powers; if `absolute`, |score| replaces the score. With p rows of l lanes,
    scores (p, count l), offsets (count l), factors (p,) -> scores (p, count l), factors (p,).
    """
    count_p = len(rows)

    def write(w: Writer, absolute: Any, stride: Any, count: Any, *_: Any) -> None:
        b = w.builder
        each = [constant(p) for p in range(count_p)]
        factors = [w.load_one("factors", p) for p in each]
        tops = [cgutils.alloca_once_value(b, w.filled(-math.inf)) for _ in range(count_p)]
        totals = [cgutils.alloca_once_value(b, w.filled(0.0)) for _ in range(count_p)]

        def row_offsets(k: Any) -> list[ir.Value]:
            start = b.mul(k.index, constant(w.lanes))
            return [w.at(start, (stride, p)) for p in range(count_p)]

        with cgutils.for_range(b, count) as k:
            offset = w.load("offsets", b.mul(k.index, constant(w.lanes)))
            for at, factor, top in zip(row_offsets(k), factors, tops, strict=True):
                score = w.load("scores", at)
                score = b.select(absolute, w.size(score), score)
                score = w.multiply_add(score, factor, offset)
                w.store(score, "scores", at)
                b.store(w.larger(score, b.load(top)), top)
        for p, top in enumerate(tops):
            most = reduce(w.larger, w.parts(b.load(top)))
            b.store(w.spread(most), tops[p])
        with cgutils.for_range(b, count) as k:
            for at, top, total in zip(row_offsets(k), tops, totals, strict=True):
                power = w.exponential(b.fsub(w.load("scores", at), b.load(top)))
                w.store(power, "scores", at)
                b.store(b.fadd(b.load(total), power), total)
        for p, total in zip(each, totals, strict=True):
            whole = reduce(b.fadd, w.parts(b.load(total)))
            w.store(b.fdiv(ir.Constant(whole.type, 1.0), whole), "factors", p)

    arrays = {"scores": scores, "offsets": offsets, "factors": factors}
    return written(write, lanes, arrays, absolute, stride, count, lanes, rows)


product: Any = intrinsic(_write_product)
largest: Any = intrinsic(_write_largest)
soften: Any = intrinsic(_write_soften)
