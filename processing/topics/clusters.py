"""Clusters of points by BIRCH: one pass sums up the points in small balls, the balls are then joined to topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from processing.topics.vocabulary import Floats, Ints, rounded

MOST_BALLS: Final = 1500  # joining them takes time and memory by their square
WIDER: Final = 1.3
BLOCK: Final = 20_000
FAR: Final = 3.0  # standard deviations above the mean distance
NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Clusters:
    """Centres of balls and the topic of each; of every topic its centre, and how far its texts reach.

    Topics are numbered by size, the largest first.
    """

    balls: Floats
    topic_of: Ints
    centres: Floats
    reach: Floats

    @classmethod
    def learn(cls, points: Floats, topics: int, threshold: float) -> Self:
        """Cluster points [texts, reduced] into at most `topics`; balls have a radius of `threshold` at first."""
        fitted = _fitted(points, threshold)
        count = min(topics, len(fitted.subcluster_centers_))
        if count > 1:
            fitted.set_params(n_clusters=count)
            fitted.partial_fit()  # joins the balls of the pass before
        balls = rounded(fitted.subcluster_centers_)
        raw = np.asarray(fitted.subcluster_labels_ if count > 1 else np.zeros(len(balls)), dtype=np.int64)
        nearest = _nearest(points, balls)
        topic_of = _by_size(raw, raw[nearest])
        return cls._measured(balls, topic_of, points, topic_of[nearest])

    @classmethod
    def _measured(cls, balls: Floats, topic_of: Ints, points: Floats, found: Ints) -> Self:
        count = int(topic_of.max(initial=-1)) + 1
        centres = np.zeros((count, points.shape[1]))
        for topic in range(count):
            own = points[found == topic]
            centres[topic] = own.mean(axis=0) if len(own) else balls[topic_of == topic].mean(axis=0)
        centres = rounded(centres)
        away = np.linalg.norm(points - centres[found], axis=1)
        usual = [away[found == topic] for topic in range(count)]
        reach = [float(own.mean() + FAR * own.std()) if len(own) else 0.0 for own in usual]
        return cls(balls, topic_of, centres, rounded(reach))

    @property
    def count(self) -> int:
        """Number of topics."""
        return len(self.centres)

    def of(self, points: Floats) -> tuple[Ints, Floats]:
        """Topic of each point (-1 where it lies farther out than any text that was learned from), and the distance."""
        topic = self.topic_of[_nearest(points, self.balls)]
        away = np.linalg.norm(points - self.centres[topic], axis=1)
        return np.where(away <= self.reach[topic] + 1e-9, topic, NONE), away

    def content(self) -> dict[str, Any]:
        """What is stored."""
        return {
            "balls": self.balls.tolist(),
            "topic_of": self.topic_of.tolist(),
            "centres": self.centres.tolist(),
            "reach": self.reach.tolist(),
        }

    @classmethod
    def of_content(cls, raw: Mapping[str, Any]) -> Self:
        """Read what was stored."""
        balls, centres, reach = (np.asarray(raw[name], dtype=np.float64) for name in ("balls", "centres", "reach"))
        return cls(balls, np.asarray(raw["topic_of"], dtype=np.int64), centres, reach)


def _fitted(points: Floats, threshold: float) -> Any:
    """One pass, or more with wider balls until there are few enough."""
    from sklearn.cluster import Birch  # seconds, and only learning needs it

    while True:
        # without a number of clusters the pass alone is made
        fitted = Birch(threshold=threshold, n_clusters=None).fit(points)
        if len(fitted.subcluster_centers_) <= MOST_BALLS:
            return fitted
        threshold *= WIDER


def _nearest(points: Floats, balls: Floats) -> Ints:
    """The nearest ball of each point."""
    index = np.empty(len(points), dtype=np.int64)
    lengths = (balls**2).sum(axis=1)
    for start in range(0, len(points), BLOCK):
        some = slice(start, start + BLOCK)
        index[some] = (lengths - 2 * points[some] @ balls.T).argmin(axis=1)
    return index


def _by_size(labels: Ints, found: Ints) -> Ints:
    """Labels of balls, numbered anew by how many points each topic has; ties by the first ball."""
    count = int(labels.max(initial=-1)) + 1
    sizes = np.bincount(found, minlength=count)
    first = [
        int(np.flatnonzero(labels == label)[0]) if (labels == label).any() else len(labels) for label in range(count)
    ]
    order = sorted(range(count), key=lambda label: (-sizes[label], first[label]))
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    return np.asarray(place[labels])
