"""What a good layer is, in one number: coherent keywords, few outliers, nothing over-general, nothing told twice.

Measured by cross-validation, on texts that the topics were not learned from; a tuning job minimises it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import chain
from typing import Self

import numpy as np
import pyarrow as pa

from processing.topics.coherence import coherence
from processing.topics.grouping import Grouping
from processing.topics.options import Options


@dataclass(frozen=True, slots=True)
class Loss:
    """Parts of the loss, each from 0 (good) to 1.

    Attributes:
        incoherence: 1 less the coherence of keywords, topics by size.
        outliers: share of held-out texts without a topic.
        over_general: share of those in topics that hold more of all texts than allowed.
        repeated: share of keywords that another topic has as well.
    """

    incoherence: float
    outliers: float
    over_general: float
    repeated: float

    @property
    def value(self) -> float:
        """The loss: the parts added up; what is told twice counts half, as the rule merges it anyway."""
        return self.incoherence + self.outliers + self.over_general + self.repeated / 2

    @classmethod
    def mean(cls, losses: Sequence[Self], weights: Sequence[float]) -> Self:
        """Parts averaged with weights."""
        parts = np.average([astuple(loss) for loss in losses], axis=0, weights=weights)
        return cls(*map(float, parts))


def measured(grouping: Grouping, held: pa.Array, largest_share: float) -> Loss:
    """Loss on clean texts that `grouping` was not learned from."""
    counts = grouping.embedding.vocabulary.count(held)
    found = grouping.of_counts(counts).topic
    sizes = np.bincount(found[found >= 0], minlength=len(grouping.words)) / max(len(found), 1)
    coherent = np.array(coherence(counts, grouping.embedding.vocabulary, grouping.words))
    words = list(chain.from_iterable(grouping.words))
    within = float(coherent @ sizes / sizes.sum()) if sizes.sum() else 0.0
    return Loss(
        incoherence=1 - within,
        outliers=float((found < 0).mean()),
        over_general=float(sizes[sizes > largest_share].sum()),
        repeated=1 - len(set(words)) / max(len(words), 1),
    )


def cross_validated(texts: pa.Array, options: Options, *, share: float = 1.0) -> Loss:
    """Mean loss over folds; `share` is that of these texts among all, which over-general topics are measured by."""
    fold = np.arange(len(texts)) % options.folds
    losses = []
    for number in range(options.folds):
        held = pa.array(fold == number)
        grouping = Grouping.learn(texts.filter(pa.array(fold != number)), options)
        losses.append(measured(grouping, texts.filter(held), options.largest_share / share))
    return Loss.mean(losses, [1.0] * len(losses))
