"""The rules of Redshift's MERGE that DuckDB does not have: it would pick one of several source rows and say nothing."""

from __future__ import annotations

from sqlglot import exp

from local_cloud.redshift.dialect import render
from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.tables import TableName
from local_cloud.redshift.work import Work


def _refuse(reason: str) -> None:
    raise SqlError(f"MERGE: {reason}", SqlState.NOT_SUPPORTED)


def _name(table: exp.Table) -> TableName:
    return TableName.of([part.lower() for part in (table.catalog, table.db, table.name) if part])


def _check_source(work: Work, tree: exp.Merge) -> None:
    source, target = tree.args["using"], tree.this
    if tree.args.get("with_"):
        _refuse("WITH is not allowed")
    if target.alias:
        _refuse("the target table can't have an alias")
    if not isinstance(source, exp.Table):
        _refuse("the source can't be a subquery; use a (temporary) table")
    place = work.catalogue.place(_name(source))
    if place.kind != "table":
        _refuse(f'the source "{place.name}" can\'t be a view; use a (temporary) table')
    if place.name == work.catalogue.place(_name(target)).name:
        _refuse("source and target can't be the same table")


def _check_condition(condition: exp.Expr) -> None:
    inner = condition.unnest()
    if isinstance(inner, exp.And):
        _check_condition(inner.left)
        _check_condition(inner.right)
    elif not isinstance(inner, exp.EQ):
        _refuse("the ON condition must consist of equalities joined by AND")


def _check_clauses(tree: exp.Merge) -> None:
    clauses = tree.args["whens"].expressions
    matched = [clause.args.get("matched") for clause in clauses]
    if sorted(map(bool, matched)) != [False, True]:
        _refuse("exactly one WHEN MATCHED and one WHEN NOT MATCHED clause are needed")
    if any(clause.args.get("condition") for clause in clauses):
        _refuse("WHEN takes no further condition")
    if any(clause.args.get("source") for clause in clauses):
        _refuse("WHEN NOT MATCHED BY SOURCE is not supported")


def _check_duplicates(work: Work, tree: exp.Merge) -> None:
    """Refuse a source of which several rows match one row of the target."""
    if not _doubled_keys(work, tree):
        return
    target, source = tree.this.copy(), tree.args["using"].copy()
    address = exp.column("rowid", table=target.name, db=target.db or None)
    matches = _one().from_(target).join(source, on=tree.args["on"].copy()).group_by(address)
    if _exists(work, matches):
        raise SqlError("Found multiple matches to update the same tuple.", SqlState.CARDINALITY)


def _doubled_keys(work: Work, tree: exp.Merge) -> bool:
    """Whether rows of the source are alike in what is compared; without any, the target need not be read."""
    source = tree.args["using"]
    sides = [side for equal in tree.args["on"].find_all(exp.EQ) for side in (equal.left, equal.right)]
    keys = [
        side.copy()
        for side in sides
        if {column.table for column in side.find_all(exp.Column)} == {source.alias_or_name}
    ]
    if keys and _all_differ(work, source, keys):
        return False
    return not keys or _exists(work, _one().from_(source.copy()).group_by(*keys))


def _all_differ(work: Work, source: exp.Expr, keys: list[exp.Expr]) -> bool:
    """Whether no two rows share the hash of their keys: sorting numbers is far cheaper than grouping texts."""
    query = render(exp.select(*keys).from_(source.copy()), "", work.scope)
    names = ", ".join(f"k{at}" for at in range(len(keys)))
    hashes = work.column(f"SELECT hash({names}) FROM ({query}) k({names})")  # noqa: S608 - own names
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any()


def _one() -> exp.Select:
    return exp.select(exp.alias_(exp.Literal.number(1), "one"))


def _exists(work: Work, groups: exp.Select) -> bool:
    """Whether any of the groups has more than one row."""
    return bool(work.run(render(groups.having("count(*) > 1").limit(1), "", work.scope)))


def check_merge(work: Work, tree: exp.Merge) -> None:
    """Raise SqlError for a MERGE that Redshift would refuse; reads the target only where the source has doubles."""
    _check_source(work, tree)
    _check_condition(tree.args["on"])
    _check_clauses(tree)
    _check_duplicates(work, tree)
