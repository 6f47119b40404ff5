"""Instructions on vectors, written out for the compiler by numba's `intrinsic`s.

Arrays are C-contiguous, and a place is an offset into one as if it were flat. The length of a tuple
tells code, which is compiled for it, a number: such as how many lanes a vector has.
"""

import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

__all__ = ["Writer", "constant", "written"]


def constant(number: int) -> ir.Value:
    """Return an integer for places and counts."""
    return ir.Constant(ir.IntType(64), number)


class Writer:
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
            step = constant(length) if isinstance(length, int) else length
            place = self.builder.add(place, self.builder.mul(step, constant(count)))
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


def written(
    write: Callable[..., None], lanes: Any, arrays: dict[str, Any], *others: Any
) -> tuple[Any, Callable[..., Any]]:
    """Return the signature and the code generator that an intrinsic is made of.

    Parameters
    ----------
    write : function of a Writer and the values of `others`
    lanes : numba type of a tuple
        Of as many as a vector has.
    arrays : dict of numba types
        The first arguments: all of float32 or all of float64, or else of int32.
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
