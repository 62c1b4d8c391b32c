"""Labels from somebody's own file: one row says that a package type did or did not suit a product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from processing.intake import convert
from processing.intake.mapping import ColumnMapping
from processing.intake.parts import text_limit
from processing.intake.sieve import Field, Sieve, Sifted, Unique, sifted
from processing.intake.source import column_names
from rightpack.errors import ContractError, SettingsError
from rightpack.settings import Settings
from rightpack.warehouse import DERIVED_SOURCES, LABEL_COLUMNS

NAMES: Final = tuple(name for name, _ in LABEL_COLUMNS)
KEY: Final = "label_id"
DEFAULTS: Final = {"package_type_version": 1, "weight": 1.0, "source": "upload"}


def read_labels(path: Path, mapping: ColumnMapping, settings: Settings) -> Iterator[Sifted]:
    """Read labels in batches, with the columns of `packaging_labels` in its order.

    Without a `label_id` each label is named after its product, type and day and numbered within them, so loading the
    same file again replaces its labels. `package_type_version` and `weight` are 1 and `source` is `upload` where the
    file does not say so; the sources of derived labels (`lab_test`, `feedback`, ...) are refused, because every drop
    replaces those.

    Raises:
        ContractError: a column is not there or holds another type.
        SettingsError: the mapping is wrong.
    """
    mapping.check(list(NAMES))
    available = column_names(path, mapping.file)
    sources = {name: _source(name, path, mapping, available) for name in NAMES}
    named = sources[KEY] is not None
    fields = tuple(_field(n, sources[n], mapping, settings) for n in NAMES if named or n != KEY)
    batches = sifted(path, mapping, Sieve(fields, Unique(KEY) if named else None))
    return batches if named else _Naming().apply(batches)


def _source(name: str, path: Path, mapping: ColumnMapping, available: list[str]) -> str | None:
    """Column of the file, None where a constant or a default stands in; ContractError if neither can."""
    if name == "suitable" and mapping.labels.column:
        return _outcome(path, mapping, available)
    if name in mapping.constants:
        return None
    found = mapping.locate(name, available, path.name)
    if found is None and name != KEY and name not in DEFAULTS:
        hint = '[labels] suitable = "..." or unsuitable = "..."' if name == "suitable" else f'[columns] {name} = "..."'
        raise ContractError(
            f"{path.name} has no column for {name}; it has {', '.join(available)}. Name one in the mapping: {hint}."
        )
    return found


def _outcome(path: Path, mapping: ColumnMapping, available: list[str]) -> str:
    column = mapping.labels.column
    if "suitable" in mapping.columns or "suitable" in mapping.constants:
        raise SettingsError("Mapping: 'suitable' is in [labels] and elsewhere; keep [labels].")
    if column not in available:
        raise ContractError(f"{path.name} has no column {column!r}, named in [labels]; it has {', '.join(available)}.")
    return column


def _field(name: str, source: str | None, mapping: ColumnMapping, settings: Settings) -> Field:
    default = DEFAULTS.get(name)
    return Field(
        name,
        _converter(name, mapping, settings),
        source=source,
        constant=mapping.constants.get(name, default) if source is None else None,
        required=name not in DEFAULTS,
        default=default,
    )


def _converter(name: str, mapping: ColumnMapping, settings: Settings) -> convert.Converter:
    limit = text_limit(dict(LABEL_COLUMNS)[name]) or 0
    converters = {
        "package_type": convert.as_one_of([t.name for t in settings.package_types]),
        "source": convert.as_free_name(limit, DERIVED_SOURCES),
        "suitable": convert.as_flag(inverted=bool(mapping.labels.unsuitable)),
        "package_type_version": convert.as_whole_number(lowest=1),
        "weight": convert.as_number(factor=mapping.units.get(name, 1.0), decimal=mapping.file.decimal, lowest=0.0),
        "observed_at": convert.as_moment(mapping.file.date_format),
    }
    return converters.get(name) or convert.as_text(limit)


@dataclass(slots=True)
class _Naming:
    """Gives labels without an id one of their own, the same for the same file."""

    counts: Counter[str] = field(default_factory=Counter)

    def apply(self, batches: Iterator[Sifted]) -> Iterator[Sifted]:
        for batch in batches:
            rows = batch.accepted
            days = pc.strftime(rows["observed_at"], format="%Y-%m-%d")
            stems = pc.binary_join_element_wise(rows["product_id"], rows["package_type"], days, "/").to_pylist()
            ids = pa.array([self._next(stem) for stem in stems], pa.string())
            yield replace(batch, accepted=pa.RecordBatch.from_arrays([ids, *rows.columns], names=list(NAMES)))

    def _next(self, stem: str) -> str:
        self.counts[stem] += 1
        return f"{stem}/{self.counts[stem]}"
