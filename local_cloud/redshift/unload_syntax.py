"""Read UNLOAD."""

from __future__ import annotations

from dataclasses import dataclass

from local_cloud.redshift.bulk_options import MEGABYTE, read_authorization, read_size, require_authorization
from local_cloud.redshift.errors import NotEmulatedError, SqlError, SqlState
from local_cloud.redshift.reader import TokenReader

_SMALLEST, _LARGEST = 5 * MEGABYTE, int(6.2 * 1024 * MEGABYTE)
_PARQUET_STEP = 32 * MEGABYTE
_TEXT_ONLY = ("HEADER", "DELIMITER", "FIXEDWIDTH", "ADDQUOTES", "ESCAPE", "NULL", "GZIP", "BZIP2", "ZSTD")


@dataclass(slots=True)
class Unload:
    """One UNLOAD; `file_size` is the largest size of a file in bytes, `partition` the columns of the folders."""

    query: str
    to: str
    format: str = "TEXT"
    manifest: bool = False
    verbose: bool = False
    overwrite: bool = False
    clean: bool = False
    parallel: bool = True
    file_size: int | None = None
    extension: str = ".parquet"
    region: str | None = None
    partition: tuple[str, ...] = ()
    include: bool = False
    role: str = ""


def read_unload(sql: str) -> Unload:
    """Read an UNLOAD statement and check that its options fit together."""
    reader = TokenReader(sql)
    reader.expect("UNLOAD", "(")
    query = reader.text()
    reader.expect(")", "TO")
    unload = Unload(query, reader.text())
    role: str | None = None
    while not reader.at_end:
        if (given := read_authorization(reader)) is not None:
            role = given
        elif not _read_flag(reader, unload):
            _read_option(reader, unload)
    unload.role = require_authorization("UNLOAD", role)
    _check(unload)
    return unload


def _read_flag(reader: TokenReader, unload: Unload) -> bool:
    if reader.accept("MANIFEST"):
        unload.manifest = True
        unload.verbose = reader.accept("VERBOSE")
    elif reader.accept("ALLOWOVERWRITE"):
        unload.overwrite = True
    elif reader.accept("ENCRYPTED"):
        pass  # objects are encrypted in any case; a key of one's own is refused below
    elif reader.accept("CLEANPATH"):
        unload.clean = True
    elif reader.accept("PARALLEL"):
        unload.parallel = reader.accept_any("ON", "OFF", "TRUE", "FALSE") not in ("OFF", "FALSE")
    else:
        return False
    return True


def _read_option(reader: TokenReader, unload: Unload) -> None:
    if reader.accept("FORMAT"):
        reader.accept("AS")
        unload.format = reader.accept_any("PARQUET", "CSV", "JSON") or reader.fail()
    elif format_name := reader.accept_any("PARQUET", "CSV", "JSON"):
        unload.format = format_name
    elif reader.accept("PARTITION", "BY"):
        unload.partition = reader.names()
        unload.include = reader.accept("INCLUDE")
    elif reader.accept("MAXFILESIZE"):
        unload.file_size = read_size(reader)
    elif reader.accept("ROWGROUPSIZE"):
        _check_row_group(read_size(reader))
    elif reader.accept("REGION"):
        reader.accept("AS")
        unload.region = reader.text()
    elif reader.accept("EXTENSION"):
        unload.extension = "." + reader.text().lstrip(".")
    else:
        _refuse_option(reader)


def _refuse_option(reader: TokenReader) -> None:
    if reader.keyword() in ("KMS_KEY_ID", *_TEXT_ONLY):
        raise NotEmulatedError(f"UNLOAD with {reader.keyword()}")
    reader.fail()


def _check_row_group(size: int) -> None:
    if not _PARQUET_STEP <= size <= 4 * _PARQUET_STEP:
        raise SqlError("ROWGROUPSIZE must be between 32 MB and 128 MB", SqlState.OUT_OF_RANGE)


def _check(unload: Unload) -> None:
    if unload.format != "PARQUET":
        raise NotEmulatedError(f"UNLOAD as {unload.format}; write FORMAT AS PARQUET")
    if unload.clean and unload.overwrite:
        raise SqlError("CLEANPATH and ALLOWOVERWRITE can't be used together", SqlState.SYNTAX)
    if unload.file_size is None:
        return
    if not _SMALLEST <= unload.file_size <= _LARGEST:
        raise SqlError("MAXFILESIZE must be between 5 MB and 6.2 GB", SqlState.OUT_OF_RANGE)
    unload.file_size = max(unload.file_size // _PARQUET_STEP, 1) * _PARQUET_STEP
