"""Instructions on vectors, written out for the compiler by numba's `intrinsic`s.

Arrays are C-contiguous. An offset counts the numbers of an array as if it were flat. Code is
compiled for the lengths of tuples: a tuple of 16 numbers says that a vector has 16 lanes.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

__all__ = ["Rows", "Writer", "Written", "constant", "written"]

Written = tuple[Any, Callable[..., Any]]
"""The signature and the code generator that numba makes an intrinsic of."""


class Rows(NamedTuple):
    """Where rows of numbers lie in a flat array."""

    offset: int
    """Of the first."""
    stride: int
    """From the start of one row to that of the next."""


def constant(number: int) -> ir.Value:
    """Return an integer for offsets and counts."""
    return ir.Constant(ir.IntType(64), number)


class Writer:
    """Writes instructions on vectors of `lanes` numbers, float or double, of named arrays."""

    def __init__(
        self, builder: ir.IRBuilder, memory: dict[str, ir.Value], number: ir.Type, lanes: int
    ) -> None:
        self.builder, self.memory, self.lanes = builder, memory, lanes
        self.bits = 32 if isinstance(number, ir.FloatType) else 64
        self.vector = ir.VectorType(number, lanes)
        self.counts = ir.VectorType(ir.IntType(32), lanes)

    def rows(self, rows: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Return offset and stride of `Rows`."""
        return self.builder.extract_value(rows, 0), self.builder.extract_value(rows, 1)

    def at(self, offset: ir.Value, *steps: tuple[ir.Value | int, int]) -> ir.Value:
        """Return an offset, increased by pairs of a stride and how often it is added."""
        for stride, count in steps:
            step = constant(stride) if isinstance(stride, int) else stride
            offset = self.builder.add(offset, self.builder.mul(step, constant(count)))
        return offset

    def load(self, name: str, offset: ir.Value) -> ir.Value:
        """Return the vector at an offset."""
        value = self.builder.load(self._pointer(name, offset, self.vector))
        value.align = self.bits // 8
        return value

    def store(self, value: ir.Value, name: str, offset: ir.Value) -> None:
        """Write a vector at an offset."""
        pointer = self._pointer(name, offset, value.type)
        self.builder.store(value, pointer).align = (
            4 if value.type == self.counts else self.bits // 8
        )

    def load_one(self, name: str, offset: ir.Value) -> ir.Value:
        """Return a vector that repeats the number at an offset."""
        return self.spread(self.builder.load(self.builder.gep(self.memory[name], [offset])))

    def spread(self, number: ir.Value) -> ir.Value:
        """Return a vector that repeats a number."""
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
        """Return e^a for a <= 0, as 2^n e^r with |r| <= ln(2) / 2; 0 where the result is tiny."""
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
        """Return the larger of two vectors, lane by lane."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, c), a, c)

    def parts(self, a: ir.Value) -> list[ir.Value]:
        """Return the numbers of a vector."""
        lanes = (ir.Constant(ir.IntType(32), lane) for lane in range(self.lanes))
        return [self.builder.extract_element(a, lane) for lane in lanes]

    def filled(self, number: float) -> ir.Value:
        """Return a vector that repeats a constant."""
        return ir.Constant(self.vector, [number] * self.lanes)

    def _call(self, name: str, *values: ir.Value) -> ir.Value:
        kind = ir.FunctionType(self.vector, [self.vector] * len(values))
        name = f"llvm.{name}.v{self.lanes}f{self.bits}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, values)

    def _pointer(self, name: str, offset: ir.Value, kind: ir.Type) -> ir.Value:
        pointer = self.builder.gep(self.memory[name], [offset])
        return self.builder.bitcast(pointer, kind.as_pointer())


def written(
    write: Callable[..., None],
    lanes: types.BaseTuple,
    arrays: dict[str, types.Array],
    *others: types.Type,
) -> Written:
    """Return what numba makes an intrinsic of.

    Parameters
    ----------
    write : function of a Writer and the values of `others`
    lanes : numba type of a tuple
        Its length is that of a vector.
    arrays : dict of numba types
        The first arguments: all of float32 or all of float64; int32 is allowed beside them.
    *others : numba types
        The other arguments.
    """
    number = next(iter(arrays.values())).dtype
    for name, array in arrays.items():
        if array.layout != "C" or array.dtype not in (number, types.int32):
            raise TypingError(
                f"{name}: expected a C-contiguous array of {number}, received {array}"
            )

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        memory = {
            name: context.make_array(kind)(context, builder, value).data
            for (name, kind), value in zip(arrays.items(), values, strict=False)
        }
        writer = Writer(builder, memory, context.get_data_type(number), len(lanes))
        write(writer, *values[len(arrays) :])
        return context.get_dummy_value()

    return types.void(*arrays.values(), *others), generate
