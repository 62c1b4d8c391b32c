"""The encoder: raw columns to one numeric matrix, learned in training and stored in the artefact as `encoder.json`.

Each row's numbers depend on that row alone, so a row encodes the same by itself and among a million others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processing.features.expressions import Expression, FloatArray, parse_expression
from processing.features.raw import Matrix, RawColumns
from processing.features.topical import Topical
from rightpack.errors import InternalError, SettingsError
from rightpack.settings import Features, build

FILE: Final = "encoder.json"
VERSION: Final = 1
LARGEST_VOCABULARY: Final = 1000


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows as models see them: `matrix` [rows, columns], NaN where a value is missing or a category unknown.

    `categories` maps the index of a categorical column, which holds codes from 0, to the number of its categories.
    """

    matrix: Matrix
    columns: tuple[str, ...]
    categories: Mapping[int, int]

    def take(self, chosen: Any) -> Encoded:
        """Some of the rows (a mask or indices)."""
        return Encoded(self.matrix[chosen], self.columns, self.categories)


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
        vocabularies = {name: _vocabulary(raw.category(name)) for name in features.categorical}
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
        """The matrix of `raw`; ContractError names a column that is missing or of another kind."""
        own = self.features
        columns: list[FloatArray] = [raw.number(name) for name in own.numeric]
        columns += [raw.derived(expression) for expression in self.expressions.values()]
        columns += self.topics.numbers(raw) if self.topics else []
        first_category = len(columns)
        columns += [_codes(raw.category(name), self.vocabularies[name]) for name in own.categorical]
        columns += self._topics(raw)
        matrix = np.empty((raw.rows, len(self.columns)), dtype=np.float32)
        with np.errstate(over="ignore"):
            for index, column in enumerate(columns):
                matrix[:, index] = column
        for index, name in enumerate(own.text):
            start = len(columns) + index * own.text_buckets
            matrix[:, start : start + own.text_buckets] = raw.text(name, own.text_buckets)
        matrix[~np.isfinite(matrix)] = np.nan
        sizes = {first_category + i: len(self.vocabularies[name]) for i, name in enumerate(self._categorical)}
        return Encoded(matrix, self.columns, sizes)

    def _topics(self, raw: RawColumns) -> list[FloatArray]:
        """Codes of the topics of each layer."""
        if self.topics is None:
            return []
        table = self.topics.table(raw)
        return [_codes(table[name].combine_chunks(), self.vocabularies[name]) for name in self.topics.categorical]

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


def _vocabulary(values: pa.Array) -> tuple[str, ...]:
    counts = pc.value_counts(values.drop_null())
    pairs = zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    ordered = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
    return tuple(name for name, _ in ordered[:LARGEST_VOCABULARY])


def _codes(values: pa.Array, vocabulary: tuple[str, ...]) -> FloatArray:
    codes = pc.index_in(values, value_set=pa.array(vocabulary, pa.string()), skip_nulls=True)
    filled: FloatArray = pc.fill_null(codes.cast(pa.float64()), float("nan")).to_numpy(zero_copy_only=False)
    return filled
