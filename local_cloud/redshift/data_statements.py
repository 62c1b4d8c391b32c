"""Queries, INSERT, UPDATE, DELETE and MERGE."""

from __future__ import annotations

import re

from sqlglot import exp

from local_cloud.redshift.dialect import parse, render
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState, SqlSyntaxError
from local_cloud.redshift.merge import check_merge
from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.tables import Layout, TableName
from local_cloud.redshift.transaction import Transaction
from local_cloud.redshift.work import Work

_REMOVE_DUPLICATES = re.compile(r"^\s*MERGE\b.*\bREMOVE\s+DUPLICATES\s*$", re.IGNORECASE | re.DOTALL)
_CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


def run_data_statement(work: Work, transaction: Transaction, sql: str) -> Outcome:
    """Run a query, or change rows under the write lock."""
    if _REMOVE_DUPLICATES.search(sql):
        raise NotEmulatedError("MERGE ... REMOVE DUPLICATES")
    tree = parse(sql)
    if isinstance(tree, exp.Query):
        transaction.read()
        result = work.fetch(render(tree, sql, work.scope))
        return Outcome(len(result.rows), result)
    if not isinstance(tree, _CHANGES):
        raise SqlSyntaxError(sql.split(maxsplit=1)[0])
    transaction.write()
    _check_change(work, tree)
    if isinstance(tree, exp.Merge):
        check_merge(work, tree)
    return Outcome(work.change(render(tree, sql, work.scope)))


def table_name(table: exp.Expr) -> TableName:
    """The name in a table node."""
    if not isinstance(table, exp.Table):
        raise NotEmulatedError(f"a target like {table.sql(dialect='redshift')!r}")
    return TableName.of([part.lower() for part in (table.catalog, table.db, table.name) if part])


def _check_change(work: Work, tree: exp.Expr) -> None:
    target = tree.this
    columns = [column.name.lower() for column in target.expressions] if isinstance(target, exp.Schema) else []
    place = work.catalogue.place(table_name(target.this if isinstance(target, exp.Schema) else target))
    if place.kind != "table":
        raise SqlError(f"cannot change the view {place.name}", SqlState.NOT_SUPPORTED)
    if isinstance(tree, exp.Insert):
        _check_identity(Layout.from_json(place.comment), columns)


def _check_identity(layout: Layout, columns: list[str]) -> None:
    generated = [name for name, (_, _, by_default) in layout.identity.items() if not by_default]
    if generated and not columns:
        raise NotEmulatedError("INSERT without a column list into a table with an IDENTITY column")
    if forbidden := set(generated) & set(columns):
        raise SqlError(f'cannot set an identity column to a value: "{min(forbidden)}"', SqlState.SYNTAX)
