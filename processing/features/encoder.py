"""The encoder: raw columns to one numeric matrix, learned in training and stored in the artefact as `encoder.json`.

Each row's numbers depend on that row alone, so a row encodes the same by itself and among a million others.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.features.expressions import Expression, parse_expression
from processing.features.raw import Matrix, RawColumns, Values, codes_of, narrowed
from processing.features.topical import Topical
from processing.scoring.streaming import stream
from rightpack.errors import InternalError, SettingsError
from rightpack.settings import Features, build

FILE: Final = "encoder.json"
VERSION: Final = 1
LARGEST_VOCABULARY: Final = 1000
Positions = npt.NDArray[np.int32]
T = TypeVar("T")


class Encoded:
    """Rows as models see them; `categories` maps the index of a column of codes from 0 to how many there are.

    Rows that are taken from others are not copied: they know the `whole` and which of it are `chosen`, so that what is
    costly can be made once of all rows, however many models learn from parts of them.
    """

    def __init__(self, matrix: Matrix, columns: tuple[str, ...], categories: Mapping[int, int]) -> None:
        self.columns, self.categories = columns, categories
        self.chosen: Positions | None = None
        self._matrix = matrix
        self._whole: Encoded | None = None
        self._made: dict[Hashable, Any] = {}
        self._making = Lock()

    @property
    def matrix(self) -> Matrix:
        """[rows, columns], NaN where a value is missing or a category unknown; of a part a copy, made when asked."""
        return self._matrix if self.chosen is None else self._matrix[self.chosen]

    @property
    def whole(self) -> Encoded:
        """All rows that these were taken from, or these."""
        return self._whole or self

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._matrix if self.chosen is None else self.chosen)

    def take(self, chosen: Any) -> Encoded:
        """Some of the rows (a mask or indices)."""
        part = Encoded(self._matrix, self.columns, self.categories)
        part._whole = self.whole
        part.chosen = (np.arange(self.rows, dtype=np.int32) if self.chosen is None else self.chosen)[chosen]
        return part

    def made(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` makes of these rows; under one key it is made once."""
        with self._making:
            if key not in self._made:
                self._made[key] = make()
            found: T = self._made[key]
        return found


@dataclass(frozen=True, slots=True)
class Encoder:
    """Features and the vocabularies learned for the categorical ones, most frequent first; topics where there are any.

    Topics are no raw columns: they are taken from a text column here, in training and in serving alike.
    """

    features: Features
    vocabularies: Mapping[str, tuple[str, ...]]
    expressions: Mapping[str, Expression]
    topics: Topical | None = None

    @classmethod
    def learn(cls, raw: RawColumns, features: Features, topics: Topical | None = None) -> Self:
        """Learn vocabularies from the training rows."""
        return cls.learn_blocks([raw], features, topics)

    @classmethod
    def learn_blocks(cls, blocks: Iterable[RawColumns], features: Features, topics: Topical | None = None) -> Self:
        """Learn vocabularies from training rows that come in blocks: the same as from all at once."""
        counts = {name: Counter[str]() for name in features.categorical}
        for raw in blocks:
            for name, seen in counts.items():
                _count(raw.category(name), seen)
        vocabularies = {name: _vocabulary(seen) for name, seen in counts.items()}
        return cls(features, _with_topics(vocabularies, features, topics), _expressions(features), topics)

    @property
    def raw(self) -> tuple[str, ...]:
        """Names of the raw columns that it reads, each once."""
        own = (self.topics.text,) if self.topics else ()
        return tuple(dict.fromkeys((*self.features.raw, *own)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix's columns, in order."""
        own = self.features
        texts = [f"{name}#{bucket}" for name in own.text for bucket in range(own.text_buckets)]
        numbers = self.topics.numeric if self.topics else ()
        return (*own.numeric, *self.expressions, *numbers, *self._categorical, *texts)

    @property
    def _categorical(self) -> tuple[str, ...]:
        return (*self.features.categorical, *(self.topics.categorical if self.topics else ()))

    def encode(self, raw: RawColumns) -> Encoded:
        """The matrix of `raw`, column by column; ContractError names one that is missing or of another kind."""
        matrix = np.empty((raw.rows, len(self.columns)), dtype=np.float32, order="F")
        self._fill(matrix, raw)
        return Encoded(matrix, self.columns, self._sizes)

    def encode_blocks(self, blocks: Iterable[RawColumns], rows: int, *, workers: int) -> Encoded:
        """The matrix of so many rows that come in blocks, several at once: little else than it is ever in memory."""
        matrix = np.empty((rows, len(self.columns)), dtype=np.float32)
        for _ in stream(_places(blocks, matrix), lambda place: self._fill(*place), workers=workers):
            pass
        return Encoded(matrix, self.columns, self._sizes)

    @property
    def _sizes(self) -> dict[int, int]:
        """Number of categories of each column that holds them."""
        first = self.columns.index(self._categorical[0]) if self._categorical else 0
        return {first + i: len(self.vocabularies[name]) for i, name in enumerate(self._categorical)}

    def _fill(self, matrix: Matrix, raw: RawColumns) -> None:
        own = self.features
        texts = matrix.shape[1] - len(own.text) * own.text_buckets
        for index, column in enumerate(self._columns(raw)):
            matrix[:, index] = column
        for index, name in enumerate(own.text):
            start = texts + index * own.text_buckets
            matrix[:, start : start + own.text_buckets] = raw.text(name, own.text_buckets)

    def _columns(self, raw: RawColumns) -> Iterator[Values]:
        """All columns but those of texts, in order."""
        yield from (raw.number(name) for name in self.features.numeric)
        yield from (raw.derived(expression) for expression in self.expressions.values())
        yield from map(narrowed, self.topics.numbers(raw)) if self.topics else ()
        yield from (raw.codes(name, self.vocabularies[name]) for name in self.features.categorical)
        yield from self._topics(raw)

    def _topics(self, raw: RawColumns) -> list[Values]:
        """Codes of the topics of each layer."""
        if self.topics is None:
            return []
        table = self.topics.table(raw)
        return [codes_of(table[name].combine_chunks(), self.vocabularies[name]) for name in self.topics.categorical]

    def save(self, folder: Path) -> None:
        """Write `encoder.json`, and the copy of the topic model where there is one."""
        own = self.features
        if self.topics:
            self.topics.save(folder)
        content = {
            "version": VERSION,
            "features": {
                "numeric": own.numeric,
                "categorical": own.categorical,
                "text": own.text,
                "derived": own.derived,
                "text_buckets": own.text_buckets,
            },
            "vocabularies": self.vocabularies,
        }
        (folder / FILE).write_text(json.dumps(content, indent=1, sort_keys=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `encoder.json`; InternalError if the artefact's is not one."""
        try:
            raw = json.loads((folder / FILE).read_text())
            features = build(Features, raw["features"], "encoder.features")
            vocabularies = {str(k): tuple(map(str, v)) for k, v in raw["vocabularies"].items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InternalError(f"{folder.name}/{FILE} is not an encoder: {error!r}") from error
        return cls(features, vocabularies, _expressions(features), Topical.load(folder))


def _expressions(features: Features) -> dict[str, Expression]:
    clash = sorted(set(features.derived).intersection(features.raw))
    if clash:
        raise SettingsError(f"features.derived.{clash[0]} has the name of a raw column; choose another.")
    return {n: parse_expression(features.derived[n], features.numeric, n) for n in sorted(features.derived)}


def _with_topics(
    vocabularies: Mapping[str, tuple[str, ...]], features: Features, topics: Topical | None
) -> dict[str, tuple[str, ...]]:
    if topics is None:
        return dict(vocabularies)
    clash = sorted({*topics.numeric, *topics.categorical}.intersection({*features.raw, *features.derived}))
    if clash:
        raise SettingsError(f"features lists {clash[0]!r}, which is a column of topics; choose another name.")
    return {**vocabularies, **topics.vocabularies}


def _places(blocks: Iterable[RawColumns], matrix: Matrix) -> Iterator[tuple[Matrix, RawColumns]]:
    """Each block with the rows of the matrix that it fills."""
    start = 0
    for raw in blocks:
        yield matrix[start : start + raw.rows], raw
        start += raw.rows
    if start != len(matrix):
        raise InternalError(f"{start} rows came to be encoded where {len(matrix)} were announced.")


def _count(values: pa.Array, seen: Counter[str]) -> None:
    counts = pc.value_counts(values.drop_null())
    seen.update(dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)))


def _vocabulary(seen: Counter[str]) -> tuple[str, ...]:
    ordered = sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(name for name, _ in ordered[:LARGEST_VOCABULARY])
