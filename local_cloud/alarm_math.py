"""Statistics of data points and the arithmetic of metric-math alarms, for one period at a time."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local_cloud.metrics import Point
from local_cloud.wire import NotSimulatedError

Value = float | None

_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FOLD: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MAX": max,
    "MIN": min,
    "AVG": lambda values: sum(values) / len(values),
    "ABS": lambda values: abs(values[0]),
}


def statistic(name: str, points: Sequence[Point]) -> Value:
    """Reduce the points of a period by Sum, Average, Minimum, Maximum, SampleCount or p<n>; no points, no value."""
    if not points:
        return None
    total, count = sum(point.total for point in points), sum(point.count for point in points)
    simple = {
        "Sum": total,
        "SampleCount": count,
        "Average": total / count if count else 0.0,
        "Minimum": min(point.least for point in points),
        "Maximum": max(point.most for point in points),
    }
    if name in simple:
        return simple[name]
    if name.startswith("p") and name[1:].replace(".", "", 1).isdigit():
        ordered = sorted(point.most for point in points)
        return ordered[min(len(ordered) - 1, int(len(ordered) * float(name[1:]) / 100))]
    raise NotSimulatedError(f"the statistic {name!r} of an alarm")


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Compute a metric-math expression from the values of one period; a missing input makes the result missing.

    Raises:
        NotSimulatedError: Functions other than FILL, IF, SUM, MAX, MIN, AVG and ABS.
    """
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError as error:
        raise NotSimulatedError(f"the metric-math expression {expression!r}") from error
    try:
        return _node(tree, values)
    except ZeroDivisionError:
        return None


def _node(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _lift(lambda found: -found, _node(inner, values))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _lift(_BINARY[type(op)], _node(left, values), _node(right, values))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return _lift(_COMPARE[type(op)], _node(left, values), _node(right, values))
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return _call(function, arguments, values)
    raise NotSimulatedError(f"the metric-math term {ast.unparse(node)!r}")


def _call(function: str, arguments: Sequence[ast.expr], values: Mapping[str, Value]) -> Value:
    if function == "FILL":
        first = _node(arguments[0], values)
        return _node(arguments[1], values) if first is None else first
    if function == "IF":
        condition = _node(arguments[0], values)
        return _node(arguments[1 if condition else 2], values)
    if function == "METRICS" or function not in _FOLD:
        raise NotSimulatedError(f"the metric-math function {function}")
    listed: list[Value] = []
    for argument in arguments:
        listed += _many(argument, values)
    return _lift(lambda *found: _FOLD[function](found), *listed)


def _many(node: ast.expr, values: Mapping[str, Value]) -> list[Value]:
    match node:
        case ast.List(elts=items):
            return [_node(item, values) for item in items]
        case ast.Call(func=ast.Name(id="METRICS"), args=[]):
            return list(values.values())
    return [_node(node, values)]


def _lift(function: Callable[..., Any], *arguments: Value) -> Value:
    if any(argument is None for argument in arguments):
        return None
    return float(function(*arguments))
