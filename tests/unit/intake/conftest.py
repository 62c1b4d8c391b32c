from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from processing.intake import QUARANTINE, Sifted
from rightpack.settings import Settings

FEATURES = {
    "numeric": ["length_cm", "width_cm", "height_cm", "weight_g", "photos"],
    "categorical": ["category"],
    "text": ["title"],
    "carried": ["brand"],
    "derived": "!remove",
}
HEADER = "product_id,title,category,length_cm,width_cm,height_cm,weight_g,photos"


@dataclass
class Read:
    """All batches of an intake, put together."""

    rows: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    changed: dict[str, int]

    @classmethod
    def of(cls, batches: Sequence[Sifted]) -> Read:
        batches = list(batches)
        rows = [row for batch in batches for row in batch.accepted.to_pylist()]
        refused = pa.Table.from_batches([b.rejected for b in batches], QUARANTINE).to_pylist()
        changed: dict[str, int] = {}
        for batch in batches:
            for name, count in batch.changed.items():
                changed[name] = changed.get(name, 0) + count
        return cls(rows, refused, changed)


@pytest.fixture
def settings() -> Settings:
    return Settings.load("dev", [{"features": FEATURES}])


@pytest.fixture
def csv(tmp_path) -> Callable[..., Path]:
    def write(*lines: str, name: str = "mine.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write
