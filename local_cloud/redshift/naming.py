"""Name the columns of a result as Redshift names them: `count`, `int4`, `?column?` and not DuckDB's `count_star()`."""

from __future__ import annotations

from sqlglot import exp

from local_cloud.redshift.refusals import source_name

_NAMED_FORMS: dict[type[exp.Expr], str] = {
    exp.ApproxDistinct: "count",
    exp.CurrentDate: "date",
    exp.CurrentUser: "current_user",
    exp.Extract: "date_part",
    exp.SessionUser: "session_user",
    exp.Substring: "substring",
    exp.StrPosition: "position",
    exp.Trim: "btrim",
}
_TYPE_NAMES = {"INT": "int4", "BIGINT": "int8", "SMALLINT": "int2", "DOUBLE": "float8", "FLOAT": "float4"}
_TYPE_NAMES |= {"DECIMAL": "numeric", "TEXT": "varchar", "BOOLEAN": "bool"}
_SYNONYMS = {"nvl": "coalesce", "ceiling": "ceil", "pow": "power", "sysdate": "timestamp"}
UNNAMED = "?column?"


def _name(node: exp.Expr, source: str) -> str:
    """The name PostgreSQL gives an expression; every branch follows its rules."""
    if isinstance(node, exp.Column | exp.Identifier):
        return node.name.lower()
    if isinstance(node, exp.Paren | exp.Window | exp.WithinGroup | exp.IgnoreNulls | exp.RespectNulls):
        return _name(node.this, source)
    if isinstance(node, exp.Cast):
        inner = _name(node.this, source)
        kind = node.to.this.value
        return inner if inner != UNNAMED else _TYPE_NAMES.get(kind, kind.lower())
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        inner = _name(default, source) if isinstance(default, exp.Column) else UNNAMED
        return inner if inner != UNNAMED else "case"
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    name = source_name(node, source) if isinstance(node, exp.Func) else ""
    return _SYNONYMS.get(name, name) or _NAMED_FORMS.get(type(node), UNNAMED)


def name_columns(query: exp.Query, source: str) -> None:
    """Give every unnamed column of the outermost SELECT its Redshift name, in place."""
    select: exp.Expr = query
    while not isinstance(select, exp.Select):
        select = select.this
    named = [
        column
        if isinstance(column, exp.Alias | exp.Column | exp.Star)
        else exp.alias_(column, _name(column, source), quoted=True, copy=False)
        for column in select.expressions
    ]
    select.set("expressions", named)
