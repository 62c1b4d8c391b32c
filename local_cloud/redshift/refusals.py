"""Refuse what Redshift refuses although DuckDB would run it, and what the stand-in does not emulate."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState, SqlSyntaxError
from local_cloud.redshift.functions import FRAMED_AGGREGATES, KNOWN_FUNCTIONS

# Function nodes whose name sqlglot does not place in the source, mostly because they come from syntax.
_FORMS = (
    exp.And, exp.ApproxDistinct, exp.Case, exp.Cast, exp.Ceil, exp.Chr, exp.Coalesce, exp.CurrentDate,
    exp.CurrentUser, exp.DecodeCase, exp.Exists, exp.Extract, exp.Floor, exp.If, exp.Or, exp.RegexpILike,
    exp.RegexpLike, exp.SessionUser, exp.StrPosition, exp.Substring, exp.Trim, exp.TryCast,
)  # fmt: skip
_NOT_ON_REDSHIFT: dict[type[exp.Expr], str] = {
    exp.Filter: "FILTER (WHERE ...) of an aggregate; use CASE inside it",
    exp.Lock: "SELECT ... FOR UPDATE",
    exp.OnConflict: "INSERT ... ON CONFLICT; use MERGE",
    exp.Returning: "RETURNING",
    exp.TableSample: "TABLESAMPLE",
    exp.Lambda: "lambda expressions",
}
_NOT_EMULATED: dict[type[exp.Expr], str] = {
    exp.Bracket: "SUPER and array navigation",
    exp.Connect: "CONNECT BY",
    exp.Into: "SELECT INTO; use CREATE TABLE AS",
    exp.Lateral: "LATERAL",
    exp.Parameter: "positional parameters",
    exp.Pivot: "PIVOT and UNPIVOT",
    exp.Unnest: "unnesting of SUPER values",
}
_DATE_PARTS = frozenset(
    """year years yr y quarter quarters qtr month months mon day days d hour hours h minute minutes m min second
    seconds s sec""".split()  # noqa: SIM905 - reads better
)


def source_name(node: exp.Expr, source: str) -> str:
    """The function's name as the statement wrote it, in lower case; empty where the syntax has none."""
    start, end = node.meta.get("start"), node.meta.get("end")
    return source[start : end + 1].strip('"').lower() if start is not None and end is not None else ""


def _is_values_of_insert(node: exp.Func, name: str) -> bool:
    """`INSERT VALUES (...)` inside MERGE reads as a call of VALUES."""
    return name == "values" and node.find_ancestor(exp.When) is not None


def _function(node: exp.Func, source: str) -> None:
    name = node.name.lower() if isinstance(node, exp.Anonymous) else source_name(node, source)
    if name in KNOWN_FUNCTIONS or (not name and isinstance(node, _FORMS)) or _is_values_of_insert(node, name):
        return
    if isinstance(node, exp.CurrentTimestamp):
        if not name and not node.args.get("sysdate"):
            raise SqlError(
                "CURRENT_TIMESTAMP runs on the leader node only; use GETDATE() or SYSDATE", SqlState.NOT_SUPPORTED
            )
        return
    raise SqlError(
        f"function {name or type(node).__name__.lower()}() does not exist on Redshift, or is not simulated here",
        SqlState.UNDEFINED_FUNCTION,
    )


def _window(node: exp.Window, source: str) -> None:
    inner = node.this.this if isinstance(node.this, exp.IgnoreNulls | exp.RespectNulls) else node.this
    name = source_name(inner, source)
    if node.args.get("order") and not node.args.get("spec") and name in FRAMED_AGGREGATES:
        raise SqlError(
            "Aggregate window functions with an ORDER BY clause require a frame clause", SqlState.NOT_SUPPORTED
        )


def _select(node: exp.Select, _source: str) -> None:
    distinct = node.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        raise SqlError("SELECT DISTINCT ON is not supported", SqlState.NOT_SUPPORTED)
    if node.args.get("windows"):
        raise SqlError("the WINDOW clause is not supported", SqlState.NOT_SUPPORTED)


def _set_operation(node: exp.SetOperation, _source: str) -> None:
    if isinstance(node, exp.Except | exp.Intersect) and node.args.get("distinct") is False:
        raise SqlError(f"{type(node).__name__.upper()} ALL is not supported", SqlState.NOT_SUPPORTED)


def _values(node: exp.Values, _source: str) -> None:
    if not isinstance(node.parent, exp.Insert):
        raise SqlError("VALUES is not supported as a table", SqlState.NOT_SUPPORTED)


def _table(node: exp.Table, source: str) -> None:
    if not isinstance(node.this, exp.Identifier):
        raise NotEmulatedError("functions in FROM")
    start = node.this.meta.get("start")
    if start is not None and source[start : start + 1] == "'":
        raise SqlSyntaxError(f"'{node.name}'")


def _star(node: exp.Star, _source: str) -> None:
    if any(node.args.get(key) for key in ("except_", "except", "replace", "rename")):
        raise NotEmulatedError("SELECT * with EXCLUDE")


def _concat(node: exp.Concat, _source: str) -> None:
    if len(node.expressions) != 2:
        raise SqlError("function concat() takes exactly two arguments; use || for more", SqlState.UNDEFINED_FUNCTION)


def _date_difference(node: exp.TsOrDsDiff, _source: str) -> None:
    if node.text("unit").lower() not in _DATE_PARTS:
        raise NotEmulatedError(f"DATEDIFF in units of {node.text('unit').lower()}")


def _placeholder(node: exp.Placeholder, _source: str) -> None:
    raise SqlError(f'syntax error at or near ":{node.name}"', SqlState.SYNTAX)


_CHECKS: dict[type[exp.Expr], Callable[..., None]] = {
    exp.Concat: _concat,
    exp.Except: _set_operation,
    exp.Intersect: _set_operation,
    exp.Placeholder: _placeholder,
    exp.Select: _select,
    exp.Star: _star,
    exp.Table: _table,
    exp.TsOrDsDiff: _date_difference,
    exp.Values: _values,
    exp.Window: _window,
}


def refuse(tree: exp.Expr, source: str) -> None:
    """Raise SqlError for the first construct that would not run, or not with this meaning, on Redshift."""
    for node in tree.walk():
        kind = type(node)
        if kind in _NOT_ON_REDSHIFT:
            raise SqlError(f"Redshift does not support {_NOT_ON_REDSHIFT[kind]}", SqlState.NOT_SUPPORTED)
        if kind in _NOT_EMULATED:
            raise NotEmulatedError(_NOT_EMULATED[kind])
        if isinstance(node, exp.Func):
            _function(node, source)
        if kind in _CHECKS:
            _CHECKS[kind](node, source)
