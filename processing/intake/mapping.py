"""The mapping file: how the columns of somebody's own table are named here.

[columns]               # our name = name in the file; a column of the same name needs no line
product_id = "sku"
weight_g = "weight"

[constants]             # the same value for every row
package_type = "seller-default"

[units]                 # numbers are multiplied by this
length_cm = 2.54

[labels]                # which column says so: suitable, or its opposite
unsuitable = "damaged"

[file]                  # CSV only
delimiter = ";"
encoding = "latin-1"
decimal = ","
date_format = "%d.%m.%Y"
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rightpack.errors import ContractError, SettingsError
from rightpack.settings import build, read_toml


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a CSV file is written; an empty `date_format` means ISO 8601."""

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    date_format: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The column that tells whether the package suited: one of the two."""

    suitable: str = ""
    unsuitable: str = ""

    @property
    def column(self) -> str:
        """Whichever is given, else an empty text."""
        return self.suitable or self.unsuitable


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A mapping file; all tables in it are optional."""

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    units: dict[str, float] = field(default_factory=dict)
    labels: Outcome = field(default_factory=Outcome)
    file: FileFormat = field(default_factory=FileFormat)

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        both = sorted(set(self.columns) & set(self.constants))
        if both:
            raise SettingsError(f"Mapping: {both[0]!r} is in [columns] and in [constants]; keep one.")
        if self.labels.suitable and self.labels.unsuitable:
            raise SettingsError("Mapping: [labels] has both 'suitable' and 'unsuitable'; keep one.")
        for name, factor in self.units.items():
            if not 0 < factor < float("inf"):
                raise SettingsError(f"Mapping: [units] {name} = {factor}; a factor must be a positive number.")
        if len(self.file.delimiter) != 1 or len(self.file.decimal) != 1:
            raise SettingsError("Mapping: [file] delimiter and decimal must be one character each.")

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a mapping file; SettingsError names the file and the key."""
        try:
            return build(cls, read_toml(path))
        except SettingsError as error:
            raise SettingsError(f"{path.name}: {error}") from error

    def locate(self, name: str, available: Sequence[str], file: str) -> str | None:
        """The file's column for one of ours, None if there is none; ContractError if the mapping names one in vain."""
        named = self.columns.get(name)
        if named is None:
            return name if name in available else None
        if named in available:
            return named
        close = difflib.get_close_matches(named, available, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(available)}."
        raise ContractError(f"{file} has no column {named!r}, which the mapping gives for {name}; {hint}")

    def check(self, known: list[str]) -> None:
        """Raise SettingsError if the mapping speaks of a column that the table does not have."""
        for table in ("columns", "constants", "units"):
            for name in getattr(self, table):
                if name not in known:
                    raise SettingsError(
                        f"Mapping: [{table}] names {name!r}; the table has {', '.join(known)}. "
                        "Feature columns are declared in the settings, under [features]."
                    )
