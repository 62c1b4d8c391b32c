"""Give a parsed Redshift statement the same meaning on DuckDB: the silent differences, one function each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from local_cloud.redshift.column_types import MAX_VARCHAR
from local_cloud.redshift.decimals import AVERAGE
from local_cloud.redshift.errors import NotEmulatedError
from local_cloud.redshift.functions import RENAMED
from local_cloud.redshift.refusals import source_name

_Type = exp.DataType.Type
_CHARACTERS = (_Type.VARCHAR, _Type.CHAR, _Type.NVARCHAR, _Type.NCHAR)
_CAST_TARGETS = frozenset(
    _Type[name]
    for name in (
        "BIGINT", "BOOLEAN", "CHAR", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "INT", "INTERVAL", "NCHAR", "NVARCHAR",
        "SMALLINT", "TEXT", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMETZ", "VARBINARY", "VARCHAR",
    )
)  # fmt: skip
_FORMAT_CODES = re.compile(r"%[YmdHMS]")


@dataclass(frozen=True, slots=True)
class Context:
    """The statement's source text, and the values of its session as SQL literals by function name."""

    source: str
    values: Mapping[str, str]


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of a DuckDB function that sqlglot shall not touch."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def _identifier(node: exp.Identifier, _context: Context) -> exp.Expr:
    node.set("this", node.name.lower())
    return node


def _concat(node: exp.Concat, _context: Context) -> exp.Expr:
    left, right = node.expressions
    return exp.paren(exp.DPipe(this=left, expression=right, safe=True), copy=False)


def _is_nonzero_number(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.is_string and float(node.name) != 0


def _division(node: exp.Binary, _context: Context) -> exp.Expr:
    divisor = node.expression
    if not _is_nonzero_number(divisor):
        node.set("expression", call("rs_nonzero", divisor))
    return node


def _average(node: exp.Avg, _context: Context) -> exp.Expr:
    if isinstance(node.parent, exp.Window):
        return node
    return _mean(exp.Sum(this=node.this.copy()), exp.Count(this=node.this))


def _mean(total: exp.Expr, count: exp.Expr) -> exp.Expr:
    """A quotient of whole numbers is whole; the mark keeps the scale where the total is a decimal."""
    quotient = exp.Div(this=total, expression=count)
    quotient.meta[AVERAGE] = True
    return exp.paren(quotient, copy=False)


def _over(window: exp.Window, inner: exp.Expr) -> exp.Expr:
    copy = window.copy()
    copy.set("this", inner)
    return copy


def _window(node: exp.Window, _context: Context) -> exp.Expr:
    inner = node.this
    if isinstance(inner, exp.Avg):
        total, count = exp.Sum(this=inner.this.copy()), exp.Count(this=inner.this.copy())
        return _mean(_over(node, total), _over(node, count))
    if isinstance(inner, exp.Anonymous) and inner.name.lower() == "ratio_to_report":
        value = inner.expressions[0]
        share = exp.Div(this=exp.cast(value.copy(), "double"), expression=_over(node, exp.Sum(this=value.copy())))
        return exp.paren(share, copy=False)
    return node


def _cast(node: exp.Cast, _context: Context) -> exp.Expr:
    target, sizes = node.to.this, [size.name for size in node.to.expressions]
    if target not in _CAST_TARGETS:
        raise NotEmulatedError(f"casts to {node.to.sql(dialect='redshift')}")
    if target is _Type.DECIMAL:
        precision, scale = (*sizes, "0")[:2] if sizes else ("18", "0")
        node.set("to", exp.DataType.build(f"decimal({precision},{scale})"))
    if target in _CHARACTERS and not sizes and target in (_Type.CHAR, _Type.NCHAR):
        sizes = ["1"]
    if target in _CHARACTERS and sizes:
        length = str(MAX_VARCHAR) if sizes[0].upper() == "MAX" else sizes[0]
        return call("rs_cut", exp.cast(node.this, "text"), exp.Literal.number(length))
    return node


def _like(node: exp.Binary, _context: Context) -> exp.Expr:
    """On Redshift a backslash escapes in a pattern unless another character is named; DuckDB has no default."""
    pattern = node.expression
    plain = isinstance(pattern, exp.Literal) and "\\" not in pattern.name
    if plain or isinstance(node.parent, exp.Escape):
        return node
    return exp.Escape(this=node.copy(), expression=exp.Literal.string("\\"))


def _similar(node: exp.SimilarTo, _context: Context) -> exp.Expr:
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or "\\" in pattern.name:
        raise NotEmulatedError("SIMILAR TO with a computed or escaped pattern")
    regex = re.sub(r"[.^$]", r"\\\g<0>", pattern.name).replace("%", ".*").replace("_", ".")
    return call("regexp_full_match", node.this, exp.Literal.string(regex))


def _regexp_replace(node: exp.RegexpReplace, _context: Context) -> exp.Expr:
    if any(node.args.get(key) for key in ("position", "occurrence", "modifiers")):
        raise NotEmulatedError("REGEXP_REPLACE with a position or parameters")
    replacement = node.args.get("replacement") or exp.Literal.string("")
    return call("regexp_replace", node.this, node.expression, replacement, exp.Literal.string("g"))


def _now(_node: exp.Expr, _context: Context) -> exp.Expr:
    return call("getdate")


def _date_add(node: exp.TsOrDsAdd, context: Context) -> exp.Expr:
    if source_name(node, context.source) != "add_months":
        return node
    return call("rs_add_months", node.this, node.expression)


def _trunc(node: exp.Trunc, _context: Context) -> exp.Expr:
    return node if node.args.get("decimals") else call("rs_trunc", node.this)


def _date_trunc(node: exp.TimestampTrunc, _context: Context) -> exp.Expr:
    node.set("this", exp.cast(node.this, "timestamp"))
    return node


def _formatted(node: exp.TimeToStr | exp.StrToDate, _context: Context) -> exp.Expr:
    """Allow the formats that mean the same on both sides: years, months, days, hours, minutes, seconds."""
    pattern = node.args.get("format")
    if not isinstance(pattern, exp.Literal) or re.search(r"[A-Za-z%]", _FORMAT_CODES.sub("", pattern.name)):
        raise NotEmulatedError("TO_CHAR and TO_DATE with other formats than YYYY, MM, DD, HH24, MI and SS")
    return node


def _listagg(node: exp.GroupConcat, _context: Context) -> exp.Expr:
    inner = node.this
    if isinstance(inner, exp.Distinct) and len(inner.expressions) == 2:
        node.set("separator", inner.expressions.pop())
    node.set("separator", _constant_text(node.args.get("separator")))
    return node


def _constant_text(node: exp.Expr | None) -> exp.Expr:
    """A separator as one literal: sqlglot writes LISTAGG wrongly when it ends with a parenthesis."""
    if node is None:
        return exp.Literal.string("")
    if isinstance(node, exp.Chr) and len(node.expressions) == 1 and node.expressions[0].name.isdigit():
        return exp.Literal.string(chr(int(node.expressions[0].name)))
    if not isinstance(node, exp.Literal):
        raise NotEmulatedError("LISTAGG with a separator that is computed")
    return node


def _anonymous(node: exp.Anonymous, context: Context) -> exp.Expr:
    name = node.name.lower()
    if name in context.values:
        return exp.maybe_parse(context.values[name], dialect="duckdb")
    if name == "isnull":
        return exp.Coalesce(this=node.expressions[0], expressions=node.expressions[1:])
    node.set("this", RENAMED.get(name, name))
    return node


def _session_value(node: exp.Func, context: Context) -> exp.Expr:
    name = {
        exp.CurrentDatabase: "current_database",
        exp.CurrentSchema: "current_schema",
        exp.CurrentVersion: "version",
    }.get(type(node), "current_user")
    return exp.maybe_parse(context.values[name], dialect="duckdb")


def _merge_insert(node: exp.Insert, _context: Context) -> exp.Expr:
    """`WHEN NOT MATCHED THEN INSERT VALUES (...)` reads as a call of VALUES."""
    inner = node.this.expressions[0] if isinstance(node.this, exp.Tuple) and len(node.this.expressions) == 1 else None
    if isinstance(inner, exp.Anonymous) and inner.name.lower() == "values":
        return exp.Insert(expression=exp.Tuple(expressions=inner.expressions))
    return node


_REWRITES: dict[type[exp.Expr], Callable[..., exp.Expr]] = {
    exp.Anonymous: _anonymous,
    exp.Avg: _average,
    exp.Cast: _cast,
    exp.Concat: _concat,
    exp.CurrentDatabase: _session_value,
    exp.CurrentSchema: _session_value,
    exp.CurrentTimestamp: _now,
    exp.CurrentUser: _session_value,
    exp.Div: _division,
    exp.GroupConcat: _listagg,
    exp.ILike: _like,
    exp.Identifier: _identifier,
    exp.Insert: _merge_insert,
    exp.Like: _like,
    exp.Mod: _division,
    exp.RegexpReplace: _regexp_replace,
    exp.SessionUser: _session_value,
    exp.SimilarTo: _similar,
    exp.StrToDate: _formatted,
    exp.TimeToStr: _formatted,
    exp.TimestampTrunc: _date_trunc,
    exp.Trunc: _trunc,
    exp.TryCast: _cast,
    exp.TsOrDsAdd: _date_add,
    exp.CurrentVersion: _session_value,
    exp.Window: _window,
}


def rewrite(tree: exp.Expr, context: Context) -> exp.Expr:
    """Rewrite the tree in place, innermost first; returns the root, which may be another node."""
    for node in reversed(list(tree.walk())):
        fix = _REWRITES.get(type(node))
        changed = fix(node, context) if fix else node
        if changed is node:
            continue
        if node is tree:
            tree = changed
        else:
            node.replace(changed)
    return tree
