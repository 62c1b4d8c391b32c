"""What a bad input is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
FILES: Final = HERE / "files"
DATE: Final = "2026-11-20"
ACCOUNT: Final = "123456789012"
BUCKET: Final = f"rightpack-dev-data-{ACCOUNT}-us-east-1"
Files = dict[str, bytes]


class Entry(StrEnum):
    """Where an input enters."""

    TRIGGER = "trigger"
    PRODUCTS = "inference drop"
    LABELS = "training drop"
    DAMAGE = "damage drop"
    LOAD = "warehouse load"
    MODEL = "model archive"
    OWN = "own file"


DROPS: Final = {Entry.PRODUCTS: "inference", Entry.LABELS: "training", Entry.DAMAGE: "training"}


@dataclass(frozen=True, slots=True)
class Bad:
    """One bad input: a name that is also its folder's, where it enters, what is wrong, and how its files are made.

    Of a drop or file that is taken without some rows, `quarantined` is their number; the others are refused whole.
    """

    name: str
    entry: Entry
    wrong: str
    make: Callable[[], Files]
    quarantined: int = 0

    @property
    def drop(self) -> str:
        """Key prefix of the drop that it is, or would be."""
        kind = DROPS.get(self.entry, "training")
        return f"drops/{kind}/{DATE}/{self.name}/"

    @property
    def data_uri(self) -> str:
        """Where the drop's files lie."""
        return f"s3://{BUCKET}/{self.drop}data/"

    def files(self) -> Files:
        """The committed files, by name."""
        folder = FILES / self.name
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
