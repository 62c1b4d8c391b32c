"""Translate one statement from Redshift's SQL to DuckDB's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from local_cloud.redshift.decimals import exact_divisions
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState, SqlSyntaxError
from local_cloud.redshift.naming import name_columns
from local_cloud.redshift.placing import place_tables
from local_cloud.redshift.refusals import refuse
from local_cloud.redshift.rewrites import Context, rewrite


def _never(_sql: str) -> str:
    """Know nothing about types."""
    return ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a statement may refer to: the database by name, and values of its session as SQL literals.

    `refusal` gives the error that DuckDB would have for a statement of its own, empty if none.
    """

    database: str
    values: Mapping[str, str]
    refusal: Callable[[str], str] = _never


def parse(sql: str) -> exp.Expr:
    """Parse a query or a data statement in Redshift's dialect and refuse what Redshift would refuse."""
    try:
        tree = sqlglot.parse_one(sql, read="redshift")
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        raise SqlSyntaxError(first.get("highlight") or sql[:40]) from error
    except SqlglotError as error:
        raise SqlError(f"syntax error: {error}", SqlState.SYNTAX) from error
    if isinstance(tree, exp.Command):
        raise NotEmulatedError(f"the statement {sql[:60]!r}")
    refuse(tree, sql)
    return tree


def render(tree: exp.Expr, sql: str, scope: Scope) -> str:
    """The parsed statement as DuckDB's SQL; the tree is used up."""
    if isinstance(tree, exp.Query):
        name_columns(tree, sql)
    place_tables(tree, scope.database)
    tree = rewrite(tree, Context(sql, scope.values))
    exact_divisions(tree, lambda probed: scope.refusal(_written(probed)))
    return _written(tree)


def _written(tree: exp.Expr) -> str:
    try:
        return tree.sql(dialect="duckdb", identify=True, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        raise NotEmulatedError(f"this statement ({error})") from error


def translate_query(sql: str, scope: Scope) -> str:
    """Translate a query; anything else is a syntax error."""
    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        raise SqlSyntaxError(sql.split(maxsplit=1)[0])
    return render(tree, sql, scope)


def translate_expression(sql: str, scope: Scope) -> str:
    """Translate a scalar expression, as in DEFAULT."""
    query = f"SELECT {sql} AS value"
    tree = parse(query)
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or tree.args.get("from_"):
        raise SqlSyntaxError(sql)
    rendered = rewrite(tree.expressions[0].this, Context(query, scope.values))
    return rendered.sql(dialect="duckdb", identify=True)
