"""How the files of a COPY are read: one SELECT that yields the target columns in order, still as the file has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local_cloud.redshift.column_types import ColumnType
from local_cloud.redshift.copy_source import SourceFile
from local_cloud.redshift.copy_syntax import Copy
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.lexer import quote_name, quote_text
from local_cloud.redshift.tables import Column
from local_cloud.redshift.work import Work

_SHORT_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER")
_TIMESTAMPS = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMP WITH TIME ZONE")
# The Parquet types, as DuckDB calls them, that fit a column: widths must agree, as Redshift converts nothing.
_FITTING: dict[str, tuple[str, ...]] = {
    "smallint": _SHORT_INTEGERS,
    "integer": _SHORT_INTEGERS,
    "bigint": ("BIGINT",),
    "real": ("FLOAT",),
    "double precision": ("DOUBLE",),
    "boolean": ("BOOLEAN",),
    "character": ("VARCHAR",),
    "character varying": ("VARCHAR",),
    "date": ("DATE",),
    "timestamp without time zone": _TIMESTAMPS,
    "timestamp with time zone": _TIMESTAMPS,
    "binary varying": ("BLOB",),
}
_PARQUET_NAMES = {"BIGINT": "int64", "INTEGER": "int32", "SMALLINT": "int32", "TINYINT": "int32"}
_PARQUET_NAMES |= {"VARCHAR": "byte_array (UTF8)", "BLOB": "byte_array", "DATE": "int32 (DATE)"}


@dataclass(frozen=True, slots=True)
class Reading:
    """SQL that reads the files: columns `f0`, `f1` ... and `filename`; `values` are the casts to the targets' types."""

    source: str
    values: tuple[str, ...]
    targets: tuple[Column, ...]


def read_files(work: Work, copy: Copy, *, files: Sequence[SourceFile], targets: Sequence[Column]) -> Reading:
    """Prepare to read the files; raises SqlError if their columns do not fit the targets."""
    return _read_parquet(work, files, targets) if copy.format == "PARQUET" else _read_csv(copy, files, targets)


def _fits(found: str, wanted: ColumnType) -> bool:
    if wanted.base == "numeric":
        return found.startswith("DECIMAL") and found.endswith(f",{wanted.size[1]})")
    return found in _FITTING.get(wanted.base, ())


def _paths(files: Sequence[SourceFile]) -> str:
    return "[" + ", ".join(quote_text(str(file.path)) for file in files) + "]"


def _parquet_columns(work: Work, file: SourceFile) -> list[tuple[str, str]]:
    import duckdb

    cursor = work.database.cursor()
    try:
        rows = cursor.execute(f"DESCRIBE FROM read_parquet({_paths([file])})").fetchall()
    except duckdb.Error as error:
        raise SqlError(f"Spectrum Scan Error: {file.location.url} is not a valid Parquet file") from error
    finally:
        cursor.close()
    return [(row[0], row[1]) for row in rows]


def _check_parquet(file: SourceFile, found: list[tuple[str, str]], targets: Sequence[Column]) -> None:
    if len(found) != len(targets):
        raise SqlError(
            f"Spectrum Scan Error: the number of columns in {file.location.url} ({len(found)}) "
            f"and in the target ({len(targets)}) must match"
        )
    for (name, kind), target in zip(found, targets, strict=True):
        if not _fits(kind, target.type):
            raise SqlError(
                f"Spectrum Scan Error: File '{file.location.url}' has an incompatible Parquet schema for column "
                f"'{name}'. Column type: {target.type.label.upper()} ({target.name}), "
                f"Parquet schema: optional {_PARQUET_NAMES.get(kind, kind.lower())}"
            )


def _read_parquet(work: Work, files: Sequence[SourceFile], targets: Sequence[Column]) -> Reading:
    """Columns go by position in every file, so files that name them differently are read apart."""
    groups: dict[tuple[str, ...], list[SourceFile]] = {}
    for file in files:
        found = _parquet_columns(work, file)
        _check_parquet(file, found, targets)
        groups.setdefault(tuple(name for name, _ in found), []).append(file)
    parts = []
    for names, group in groups.items():
        columns = ", ".join(f"{quote_name(name)} AS f{at}" for at, name in enumerate(names))
        parts.append(f"SELECT {columns}, filename FROM read_parquet({_paths(group)}, filename = true)")  # noqa: S608
    values = tuple(f"CAST(f{at} AS {target.type.duckdb})" for at, target in enumerate(targets))
    return Reading(" UNION ALL ".join(parts), values, tuple(targets))


def _read_csv(copy: Copy, files: Sequence[SourceFile], targets: Sequence[Column]) -> Reading:
    options = copy.options
    columns = ", ".join(f"'f{at}': 'VARCHAR'" for at in range(len(targets)))
    quote = quote_text(options.get("QUOTE", '"'))
    settings = [
        "auto_detect = false, header = false, filename = true",
        f"columns = {{{columns}}}",
        f"skip = {int(options.get('IGNOREHEADER', '0'))}",
        f"delim = {quote_text(options.get('DELIMITER', ','))}",
        f"quote = {quote}, escape = {quote}",
        f"nullstr = {quote_text(options.get('NULL', chr(92) + 'N'))}",
        f"compression = '{'gzip' if 'GZIP' in options else 'none'}'",
    ]
    source = f"SELECT * FROM read_csv({_paths(files)}, {', '.join(settings)})"  # noqa: S608 - quoted paths
    values = tuple(_csv_value(f"f{at}", target.type, options) for at, target in enumerate(targets))
    return Reading(source, values, tuple(targets))


def _csv_value(field: str, kind: ColumnType, options: dict[str, str]) -> str:
    """Empty fields are NULL except in character columns, where only EMPTYASNULL or BLANKSASNULL makes them so."""
    if kind.max_bytes:
        if "BLANKSASNULL" in options:
            return f"CASE WHEN trim({field}) <> '' OR {field} = '' THEN {field} END"
        return f"nullif({field}, '')" if "EMPTYASNULL" in options else field
    return f"CAST(nullif(trim({field}), '') AS {kind.duckdb})"
