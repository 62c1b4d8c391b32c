"""Derived columns: arithmetic over numeric columns, as text in the settings, parsed by whitelist and never executed.

A missing value, a division by zero or a logarithm of nothing gives a missing value (NaN).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from rightpack.errors import SettingsError

FloatArray = npt.NDArray[np.float64]
LONGEST: Final = 500  # characters; keeps nesting far from the interpreter's recursion limit

OPERATORS: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
SIGNS: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {ast.USub: np.negative, ast.UAdd: np.positive}
FUNCTIONS: Final[Mapping[str, Callable[[list[Any]], Any]]] = {
    "min": lambda values: _fold(np.minimum, values),
    "max": lambda values: _fold(np.maximum, values),
    "log": lambda values: np.log(values[0]),
    "sqrt": lambda values: np.sqrt(values[0]),
    "abs": lambda values: np.abs(values[0]),
}
TAKES_ONE: Final = frozenset({"log", "sqrt", "abs"})


def _fold(function: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    result = values[0]
    for value in values[1:]:
        result = function(result, value)
    return result


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression; `names` are the columns it needs."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    def evaluate(self, values: Mapping[str, FloatArray], rows: int) -> FloatArray:
        """One number per row; NaN where there is none."""
        with np.errstate(all="ignore"):
            result = np.broadcast_to(np.asarray(_value(self.tree, values), dtype=np.float64), (rows,))
        return np.where(np.isfinite(result), result, np.nan)


def parse_expression(text: str, columns: Collection[str], name: str) -> Expression:
    """Check `text`, the derived column `name`, over numeric `columns`; SettingsError says what is not allowed."""
    what = f"features.derived.{name} = {text[:80]!r}"
    if len(text) > LONGEST:
        raise SettingsError(f"{what}: {len(text)} characters; at most {LONGEST} are read.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise SettingsError(f"{what} is not an expression: {error}") from error
    names = frozenset(_names(tree, what))
    unknown = sorted(names.difference(columns))
    if unknown:
        known = ", ".join(sorted(columns)) or "none"
        raise SettingsError(f"{what} uses {unknown[0]!r}, which is not in features.numeric; there are: {known}.")
    return Expression(text, tree, names)


def _names(node: ast.expr, what: str) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
        return
    for child in _parts(node, what):
        yield from _names(child, what)


def _parts(node: ast.expr, what: str) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
        return [node.operand]
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        return []
    if isinstance(node, ast.Call) and _is_known_call(node):
        return list(node.args)
    raise SettingsError(
        f"{what}: {ast.unparse(node)!r} is not allowed; use columns, numbers, + - * / ** and {', '.join(FUNCTIONS)}."
    )


def _is_known_call(node: ast.Call) -> bool:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords or not node.args:
        return False
    return len(node.args) == 1 or node.func.id not in TAKES_ONE


def _value(node: ast.expr, values: Mapping[str, FloatArray]) -> Any:
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=value):
            return np.float64(_number(value))
        case ast.UnaryOp(op=sign, operand=operand):
            return SIGNS[type(sign)](_value(operand, values))
        case ast.BinOp(left=left, op=operator, right=right):
            return OPERATORS[type(operator)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name]([_value(argument, values) for argument in arguments])
    raise SettingsError(f"{ast.unparse(node)!r} is not allowed in a derived column.")


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits: no such quantity, hence missing
        return float("nan")
