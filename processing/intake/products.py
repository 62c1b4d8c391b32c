"""Products from somebody's own file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from processing.intake import convert
from processing.intake.mapping import ColumnMapping
from processing.intake.parts import Columns, text_limit
from processing.intake.sieve import Field, Sieve, Sifted, Unique, sifted
from processing.intake.source import column_names
from rightpack.errors import ContractError
from rightpack.settings import Settings
from rightpack.warehouse import product_columns

MEASURES: Final = ("length_cm", "width_cm", "height_cm", "weight_g")
FLAGS: Final = ("is_liquid", "is_fragile")
KEY: Final = "product_id"


def read_products(
    path: Path, mapping: ColumnMapping, settings: Settings, *, first_seen: dt.date, columns: Columns | None = None
) -> Iterator[Sifted]:
    """Read products in batches, with the columns of the products table in its order.

    Args:
        path: a CSV or Parquet file.
        mapping: what its columns are called.
        settings: the feature columns; each must be in the file, be mapped or be a constant (values may be missing).
        first_seen: when products appeared for which the file does not say so.
        columns: the table's columns with SQL types; by default those of `rightpack.warehouse.product_columns`.

    Raises:
        ContractError: a column is not there or holds another type.
        SettingsError: the mapping is wrong.
    """
    table = list(columns or product_columns(settings.features))
    mapping.check([name for name, _ in table])
    maker = _Maker(
        path=path,
        mapping=mapping,
        settings=settings,
        available=column_names(path, mapping.file),
        first_seen=dt.datetime.combine(first_seen, dt.time()),
    )
    fields = tuple(maker.field(name, sql_type) for name, sql_type in table)
    return sifted(path, mapping, Sieve(fields, Unique(KEY)))


@dataclass(frozen=True, slots=True)
class _Maker:
    """Decides for each column of the table where its values come from."""

    path: Path
    mapping: ColumnMapping
    settings: Settings
    available: list[str]
    first_seen: dt.datetime

    def field(self, name: str, sql_type: str) -> Field:
        constant = self.mapping.constants.get(name)
        source = None if constant is not None else self.mapping.locate(name, self.available, self.path.name)
        if source is None and constant is None:
            self._may_be_absent(name)
        return Field(
            name,
            self._converter(name, sql_type),
            source=source,
            constant=constant,
            required=name == KEY,
            default=self._default(name),
        )

    def _may_be_absent(self, name: str) -> None:
        if name != KEY and name not in self.settings.features.raw:
            return
        advice = f'Name one in the mapping ([columns] {name} = "..."), or give a constant'
        if name != KEY:
            advice += f", or take {name} out of [features] in the settings"
        raise ContractError(f"{self.path.name} has no column for {name}; it has {', '.join(self.available)}. {advice}.")

    def _default(self, name: str) -> object:
        if name in {"first_seen_at", "updated_at"}:
            return self.first_seen
        return 1 if name == "is_active" else None

    def _converter(self, name: str, sql_type: str) -> convert.Converter:
        form, factor = self.mapping.file, self.mapping.units.get(name, 1.0)
        limit = text_limit(sql_type)
        if limit is not None:
            features = self.settings.features
            return convert.as_text(limit, cut=name in (*features.text, *features.carried))
        if sql_type == "TIMESTAMP":
            return convert.as_moment(form.date_format)
        if name in FLAGS or sql_type == "SMALLINT":
            return convert.as_flag(to=pa.float64() if sql_type == "DOUBLE PRECISION" else pa.int16())
        if name in MEASURES:
            return convert.as_measure(factor=factor, decimal=form.decimal)
        return convert.as_number(factor=factor, decimal=form.decimal, lowest=0.0 if name == "price" else None)
