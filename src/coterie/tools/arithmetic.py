"""A calculator as a tool: arithmetic that is parsed, never evaluated as Python, and bounded."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from coterie.errors import ToolFailed
from coterie.tool import Tool

Number: TypeAlias = "int | float"
LONGEST = 500
"""Letters of an expression."""
BITS = 4_096
"""Bits that a whole number may have."""


def _power(base: Number, power: Number) -> Number:
    if (
        isinstance(base, int)
        and isinstance(power, int)
        and power > 0
        and base.bit_length() * power > 2 * BITS
    ):
        raise ValueError(f"a number has at most {BITS:,} bits")
    return cast("Number", base**power)


def _factorial(n: Number) -> int:
    if n != int(n) or not 0 <= n <= 500:
        raise ValueError("factorial is for whole numbers from 0 to 500")
    return math.factorial(int(n))


OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda one, other: one / other,
    ast.FloorDiv: lambda one, other: one // other,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(math, name)
        for name in "sqrt exp log log2 log10 sin cos tan asin acos atan atan2".split()
    },
    **{name: getattr(math, name) for name in "floor ceil gcd lcm degrees radians hypot".split()},
    "abs": abs,
    "round": round,
    "min": min,
    "max": max,
    "factorial": _factorial,
}
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}


def _calculator(expression: str) -> Number:
    """Work out an expression such as 2 * (3 + sqrt(16)). It knows + - * / // % **, pi, e, tau and usual functions."""
    if len(expression) > LONGEST:
        raise ToolFailed(f"an expression has at most {LONGEST} letters, this one {len(expression):,}")
    try:
        value = _value(ast.parse(expression.strip().replace("^", "**"), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ToolFailed(f"{expression!r}: {error}") from error
    if isinstance(value, float) and not math.isfinite(value):
        raise ToolFailed(f"{expression!r} is not finite")
    return value


def _value(node: ast.expr) -> Number:
    """What a part of an expression comes to.

    Raises:
        ValueError: if it is no arithmetic, or too large.
    """
    match node:
        case ast.Constant(value=value) if value.__class__ in (int, float):
            return _bounded(value)
        case ast.Name(id=name) if name in CONSTANTS:
            return CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=below):
            return -_value(below)
        case ast.UnaryOp(op=ast.UAdd(), operand=below):
            return _value(below)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return _bounded(OPERATORS[type(sign)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS:
            return _bounded(FUNCTIONS[name](*map(_value, parts)))
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is no arithmetic that is known here")


def _bounded(value: Any) -> Number:
    if isinstance(value, int) and value.bit_length() > BITS:
        raise ValueError(f"a number has at most {BITS:,} bits")
    if not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is no real number")  # noqa: TRY004 - the caller knows one kind of mistake
    return value


calculator = Tool(_calculator, name="calculator", idempotent=True, trusted=True, tags=["arithmetic"])
"""A tool that works out an expression."""
