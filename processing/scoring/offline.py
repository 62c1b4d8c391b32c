"""Score and decide about the products of Parquet files with an artefact of models, without a pipeline."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa

from processing.artefact import ARCHIVE, Entry, joint_policy, read_index, unpack
from processing.columns import LIQUID, MASS, OVERRIDES, PREVIOUS, PRICE, PRODUCT, SIDES
from processing.cores import cores
from processing.outcomes import recommendations
from processing.recommend import Scored, decided
from processing.scoring.bundle import Bundle
from processing.scoring.streaming import ParquetSink, blocks, stream
from rightpack.settings import Settings

DECIDING: Final = (PRODUCT, *SIDES, MASS, PRICE, LIQUID, PREVIOUS, OVERRIDES)


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over products: every model, then the decision.

    The budget of damage and the share of changes hold in each block of rows, hence in all of them.
    """

    bundle: Bundle
    models: tuple[Entry, ...]
    settings: Settings
    joint: dict[str, Any]
    today: str

    @classmethod
    def load(cls, artefact: Path, settings: Settings, today: dt.date) -> Self:
        """With the models of `artefact`, a folder with a model.tar.gz; DataError if there is none, or it holds none."""
        with tempfile.TemporaryDirectory(prefix="rightpack-") as scratch:
            folder = unpack(artefact / ARCHIVE, Path(scratch))
            models, _ = read_index(folder)
            return cls(Bundle.load(folder), tuple(models), settings, joint_policy(artefact, models), today.isoformat())

    @property
    def columns(self) -> tuple[str, ...]:
        """What it looks at, of what there is."""
        return tuple(dict.fromkeys((*DECIDING, *self.bundle.columns)))

    @property
    def names(self) -> tuple[str, ...]:
        """What each model is of."""
        return tuple(model.package_type for model in self.models)

    def work(self, products: pa.Table) -> pa.Table:
        """Recommendations and scores of a block of products, one row per product."""
        scores = self.bundle.score(products, "the products")
        names = scores.column_names[1:]
        scored = Scored(products, scores.select(names), self.models, ())
        rows = decided(scored, self.settings, self.joint, self.today)[0]
        table = recommendations(rows)
        for name in names:
            table = table.append_column(f"score:{name}", scores[name])
        return table

    def run(self, files: Sequence[Path], target: Path, seen: Callable[[int], object] = lambda _: None) -> int:
        """Read `files`, write `target`; `seen` hears of each block's number of rows. How many rows there were."""
        with ParquetSink(target) as sink:
            for table in stream(blocks(files, self.columns), self.work, workers=cores()):
                sink.write(table)
                seen(table.num_rows)
        return sink.rows
