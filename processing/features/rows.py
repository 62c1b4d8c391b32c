"""Training rows of any number, in blocks as often as they are asked for, so that few of them are ever in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import pyarrow as pa

from processing import tables
from processing.features.encoder import Encoded, Encoder
from processing.features.raw import RawColumns
from processing.features.topical import Topical
from processing.scoring.streaming import blocks
from rightpack.manifest import files_in
from rightpack.settings import Features

SOURCE: Final = "the training data"
BLOCK: Final = 16_384  # rows at once: what is made of them on the way stays in the cache


@dataclass(frozen=True, slots=True)
class Rows:
    """A few columns of all rows, which are at hand, and `blocks` of others by their names."""

    narrow: pa.Table
    blocks: Callable[[Sequence[str]], Iterator[pa.Table]]

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Rows that are in memory anyway."""
        starts = range(0, table.num_rows, BLOCK)
        return cls(table, lambda _: (table.slice(start, BLOCK) for start in starts))

    @classmethod
    def read(cls, folder: Path, narrow: Sequence[str]) -> Self:
        """Rows of all Parquet files below `folder`, in name order; DataError if there is none."""
        paths = [path for path in files_in(folder) if path.suffix != ".json"]
        return cls(tables.read_folder(folder, narrow), lambda names: blocks(paths, names, BLOCK))

    def encode(self, features: Features, topics: Topical | None, *, workers: int) -> tuple[Encoder, Encoded]:
        """An encoder learned from these rows, and what it makes of them; ContractError where a column is missing."""
        encoder = Encoder.learn_blocks(self._raw(features.categorical), features, topics)
        return encoder, encoder.encode_blocks(self._raw(encoder.raw), self.narrow.num_rows, workers=workers)

    def _raw(self, names: Sequence[str]) -> Iterator[RawColumns]:
        return (RawColumns(block, SOURCE) for block in (self.blocks(names) if names else ()))
