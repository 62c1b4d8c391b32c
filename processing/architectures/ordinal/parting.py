"""Trees that look at the package type, and trees that do not: those need to be asked once per product, not per type."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from processing.architectures.lightgbm import lgb
from processing.architectures.ordinal.likelihood import Singles
from processing.decisions.arrays import Floats
from processing.scoring.ensemble import Ensemble

TREE = re.compile(r"^Tree=", re.MULTILINE)
SPLITS = re.compile(r"^split_feature=(.*)$", re.MULTILINE)
SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)
END = "end of trees"


class PartedTrees:
    """A booster's margin as the sum of two: one of the product alone, one of the product in a package type.

    Columns of the booster are those of the product, then the `asked` ones.
    """

    def __init__(self, text: str, asked: int) -> None:
        head, trees, tail = _taken_apart(text)
        first = len(_names(head)) - asked
        apart: dict[bool, list[str]] = {True: [], False: []}
        for tree in trees:
            found = SPLITS.search(tree)
            splits = [int(place) for place in found.group(1).split()] if found else []
            apart[any(place >= first for place in splits)].append(tree)
        self._by_product, self._by_type = (_ensemble(head, apart[typed], tail) for typed in (False, True))
        self._asked = asked

    def margins(self, values: Singles, questions: Sequence[Sequence[float]], *, threads: int = 1) -> list[Floats]:
        """Raw scores of the products, for each question about all of them."""
        blank = np.zeros((len(values), self._asked), np.float32)
        rows = np.concatenate([values, blank], axis=1)
        alone = _raw(self._by_product, rows, threads)
        found = []
        for question in questions:
            rows[:, values.shape[1] :] = question
            found.append(alone + _raw(self._by_type, rows, threads))
        return found


def _taken_apart(text: str) -> tuple[str, list[str], str]:
    """Head without the sizes of the trees, which LightGBM can do without; the trees; what follows them."""
    starts = [found.start() for found in TREE.finditer(text)]
    end = text.index(END)
    trees = [text[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)] if starts else []
    return SIZES.sub("", text[: starts[0] if starts else end]), trees, text[end:]


def _names(head: str) -> list[str]:
    return next(line for line in head.splitlines() if line.startswith("feature_names=")).split("=", 1)[1].split()


def _ensemble(head: str, trees: Sequence[str], tail: str) -> Ensemble | None:
    """Of these trees; None where there is none."""
    text = head + "".join(trees) + tail
    return Ensemble(lgb.Booster(model_str=text), text) if trees else None


def _raw(ensemble: Ensemble | None, rows: Singles, threads: int) -> Floats:
    return ensemble.raw(rows, threads=threads) if ensemble else np.zeros(len(rows))
