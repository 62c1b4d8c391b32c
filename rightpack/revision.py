"""The rule that revises a mapping: drop what is tiny, merge what is told twice, split what is too general."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Self

from rightpack.errors import SettingsError
from rightpack.mapping import Action, Topic, TopicMapping


@dataclass(frozen=True, slots=True)
class Rule:
    """When a topic is dropped, merged or split; shares are of all texts.

    Attributes:
        smallest_share: a topic with a smaller share is dropped.
        overlap: topics of one parent that share so much of their keywords (Jaccard) are merged.
        largest_share: a topic of layer 1 with a larger share is over-general and is split.
        least_coherence: so is one whose keywords go together less well than this.
        least_split: a topic with fewer texts is never split.
        sub_topics_from: after layer 2, a topic with at least so large a share gets sub-topics.
    """

    smallest_share: float = 0.002
    overlap: float = 0.5
    largest_share: float = 0.08
    least_coherence: float = 0.25
    least_split: int = 200
    sub_topics_from: float = 0.02

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Self:
        """Read what of `given` is one of our names, numbers as texts; SettingsError if one is not a number."""
        try:
            known = {f.name: float(str(given[f.name])) for f in fields(cls) if f.name in given}
        except ValueError as error:
            raise SettingsError(f"The rule for mappings takes numbers: {error}") from error
        return cls(**known)  # type: ignore[arg-type]  # a whole number of texts may as well be a float


def revise(mapping: TopicMapping, rule: Rule) -> TopicMapping:
    """Decide about the topics of the newest layer that nobody has decided about yet; splits by what comes next.

    After layer 1 only over-general topics are split, after layer 2 every larger one, after layer 3 none.
    """
    mapping = mapping.changed(_tiny(_open(mapping), mapping, rule))
    mapping = mapping.changed(_doubles(_open(mapping), rule))
    if mapping.layer == 1:
        return mapping.changed(_over_general(_open(mapping), mapping, rule))
    if mapping.layer == 2:  # the second of three
        return mapping.changed(_larger(mapping, rule))
    return mapping


def _open(mapping: TopicMapping) -> list[Topic]:
    """Topics of the newest layer that are kept, and that no person has looked at."""
    return [t for t in mapping.topics if t.layer == mapping.layer and t.action is Action.KEEP and not t.note]


def _tiny(topics: Iterable[Topic], mapping: TopicMapping, rule: Rule) -> Iterator[Topic]:
    least = rule.smallest_share * mapping.texts
    targets = {t.into for t in mapping.topics}
    for topic in topics:
        if topic.size < least and topic.topic not in targets:
            yield replace(topic, action=Action.DROP, note=f"rule: {topic.size} texts, fewer than {least:.0f}")


def _doubles(topics: list[Topic], rule: Rule) -> Iterator[Topic]:
    """The smaller one of two alike goes into the larger one, which may itself go into a larger one still."""
    ordered = sorted(topics, key=lambda t: (-t.size, t.topic))
    merged: set[str] = set()
    for larger, smaller in combinations(ordered, 2):
        alike = overlap(larger.keywords, smaller.keywords)
        if alike >= rule.overlap and larger.parent == smaller.parent and smaller.topic not in merged:
            merged.add(smaller.topic)
            note = f"rule: shares {alike:.0%} of the keywords"
            yield replace(smaller, action=Action.MERGE, into=larger.topic, note=note)


def _over_general(topics: Iterable[Topic], mapping: TopicMapping, rule: Rule) -> Iterator[Topic]:
    sizes = mapping.sizes()
    for topic in topics:
        share = sizes[topic.topic] / max(mapping.texts, 1)
        general = share > rule.largest_share or topic.coherence < rule.least_coherence
        if general and sizes[topic.topic] >= rule.least_split:
            note = f"rule: {share:.1%} of the texts, coherence {topic.coherence:.2f}"
            yield replace(topic, action=Action.SPLIT, note=note)


def _larger(mapping: TopicMapping, rule: Rule) -> Iterator[Topic]:
    sizes = mapping.sizes()
    least = max(rule.sub_topics_from * mapping.texts, rule.least_split)
    for topic in mapping.leaves():
        if topic.action is Action.KEEP and not topic.note and sizes[topic.topic] >= least:
            yield replace(topic, action=Action.SPLIT, note=f"rule: {sizes[topic.topic]} texts, sub-topics wanted")


def overlap(one: Iterable[str], other: Iterable[str]) -> float:
    """Share of keywords that two topics have in common (Jaccard); 0 where there is none."""
    left, right = set(one), set(other)
    return len(left & right) / len(left | right) if left | right else 0.0
