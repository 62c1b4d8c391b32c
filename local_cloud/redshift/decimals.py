"""Quotients as Redshift types them: decimals stay decimals, where DuckDB would answer with doubles.

What a division gives depends on the types of its operands, and only DuckDB's binder knows those. So it is asked: a
function that takes no numbers refuses its arguments by their types.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

_PROBE = "jaro_winkler_similarity"
_REFUSED = re.compile(rf"'{_PROBE}\((.+), (.+)\)'")
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_INTEGERS = {"TINYINT": 5, "SMALLINT": 5, "INTEGER": 10, "INTEGER_LITERAL": 10, "BIGINT": 19, "HUGEINT": 19}
_WIDEST = 38
_LEAST_SCALE = 4
AVERAGE = "average"  #: mark (in a node's meta) of a division that stands for AVG

# a / b over whole numbers of 128 bits, cut off after the last digit; `down` is the smallest step of the result.
MACRO = """rs_divide(a, b, up_a, widen, up_b, down) AS
    CAST((CAST(a * up_a AS HUGEINT) * widen) // CAST(b * up_b AS HUGEINT) AS DECIMAL(38, 0)) * down"""

Refusal = Callable[[exp.Expr], str]  # DuckDB's error for a statement, empty if it would run
_Size = tuple[int, int]  # precision and scale


def exact_divisions(tree: exp.Expr, refusal: Refusal) -> None:
    """Replace the divisions of decimals in a translated statement, innermost first."""
    for node in reversed(list(tree.walk())):
        if isinstance(node, exp.Div) and (sizes := _sizes(tree, node, refusal)):
            node.replace(_quotient(node, *sizes))


def _sizes(tree: exp.Expr, node: exp.Div, refusal: Refusal) -> tuple[_Size, _Size] | None:
    """Precision and scale of both operands, if at least one is a decimal and the other one is at least whole."""
    probe = exp.Anonymous(this=_PROBE, expressions=[node.left.copy(), node.right.copy()])
    node.replace(probe)
    found = _REFUSED.search(refusal(tree))
    probe.replace(node)
    if not found or not any(_DECIMAL.fullmatch(kind) for kind in found.groups()):
        return None
    left, right = map(_size, found.groups())
    return (left, right) if left and right else None


def _size(kind: str) -> _Size | None:
    if match := _DECIMAL.fullmatch(kind):
        return int(match[1]), int(match[2])
    return (_INTEGERS[kind], 0) if kind in _INTEGERS else None


def result_size(left: _Size, right: _Size) -> _Size:
    """Precision and scale of a quotient, as the documentation of Redshift computes them."""
    (p1, s1), (p2, s2) = left, right
    scale = max(_LEAST_SCALE, s1 + p2 - s2 + 1)
    precision = p1 - s1 + s2 + scale
    if precision > _WIDEST:
        return _WIDEST, max(_WIDEST + scale - precision, min(_LEAST_SCALE, scale))
    return precision, scale


def _quotient(node: exp.Div, left: _Size, right: _Size) -> exp.Expr:
    precision, scale = (_WIDEST, left[1]) if node.meta.get(AVERAGE) else result_size(left, right)
    widening = scale + right[1] - left[1]
    steps = (
        f"CAST({10 ** left[1]} AS DECIMAL(38, 0))",
        f"CAST({10 ** max(widening, 0)} AS HUGEINT)",
        f"CAST({10 ** (right[1] + max(-widening, 0))} AS DECIMAL(38, 0))",
        f"CAST('{10**-scale:.{scale}f}' AS DECIMAL(38, {scale}))",
    )
    operands = [_as_decimal(node.left, left), _as_decimal(node.right, right)]
    call = exp.Anonymous(this="rs_divide", expressions=[*operands, *map(_parsed, steps)])
    return exp.cast(call, f"decimal({precision}, {scale})")


def _as_decimal(operand: exp.Expr, size: _Size) -> exp.Expr:
    return exp.cast(operand.copy(), f"decimal({size[0]}, {size[1]})")


def _parsed(sql: str) -> exp.Expr:
    return exp.maybe_parse(sql, dialect="duckdb")
