"""The mapping: what becomes of each topic that a layer has found. Rules and people change it, the next layer reads it.

Pure and without dependencies: the function between two layers uses it as well as the jobs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Self

from rightpack.errors import DataError

FILE: Final = "mapping.json"
VERSION: Final = 1
EXAMPLES: Final = 5  # of known topics in an error


class Action(StrEnum):
    """What becomes of a topic: `held` stays as it is and is not split until a person has decided."""

    KEEP = "keep"
    MERGE = "merge-into"
    SPLIT = "split"
    DROP = "drop"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic; its id names its place (`03.11` is the twelfth part of `03`), `into` the topic it is merged into.

    `size` counts the texts that it was found in, `coherence` (0 to 1) says how well its keywords go together.
    """

    topic: str
    name: str
    keywords: tuple[str, ...]
    size: int
    layer: int
    parent: str = ""
    coherence: float = 1.0
    action: Action = Action.KEEP
    into: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class TopicMapping:
    """All topics found up to `layer`, in the order of their ids, among so many `texts`."""

    layer: int
    texts: int
    topics: tuple[Topic, ...]
    _places: dict[str, Topic] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Check that every topic can be resolved; DataError names the one that cannot."""
        ordered = tuple(sorted(self.topics, key=lambda t: t.topic))
        object.__setattr__(self, "topics", ordered)
        self._places.update({t.topic: t for t in ordered})
        if len(self._places) != len(ordered):
            raise DataError("The mapping names a topic twice.")
        for topic in ordered:
            self._check(topic)

    @property
    def digest(self) -> str:
        """SHA-256 of the content: equal mappings have equal digests, whoever made them."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()

    def topic(self, name: str) -> Topic:
        """The topic with this id; DataError if there is none."""
        if name not in self._places:
            some = ", ".join([t.topic for t in self.topics][:EXAMPLES]) or "none"
            raise DataError(f"Topic {name!r} is not in the mapping; it has {len(self.topics)}, first {some}.")
        return self._places[name]

    def final(self, name: str) -> str | None:
        """Where texts of a topic end: itself, what it is merged into, or None where that is dropped."""
        found = self.topic(name)
        while found.action is Action.MERGE:
            found = self.topic(found.into)
        return None if found.action is Action.DROP else found.topic

    def to_split(self) -> tuple[str, ...]:
        """Topics that the next layer must take apart: marked so, and not taken apart yet."""
        parents = {t.parent for t in self.topics}
        return tuple(t.topic for t in self.topics if t.action is Action.SPLIT and t.topic not in parents)

    def leaves(self) -> tuple[Topic, ...]:
        """Topics that keep their texts: neither merged, dropped nor taken apart."""
        parents = {t.parent for t in self.topics}
        gone = {Action.MERGE, Action.DROP}
        return tuple(t for t in self.topics if t.topic not in parents and t.action not in gone)

    def sizes(self) -> dict[str, int]:
        """Texts of each topic together with those merged into it."""
        sizes = dict.fromkeys(self._places, 0)
        for topic in self.topics:
            end = self.final(topic.topic)
            if end is not None:
                sizes[end] += topic.size
        return sizes

    def extended(self, layer: int, found: Iterable[Topic]) -> Self:
        """With the topics of one more layer."""
        return replace(self, layer=layer, topics=(*self.topics, *found))

    def changed(self, changed: Iterable[Topic]) -> Self:
        """With some topics replaced by others of the same ids."""
        new = {t.topic: t for t in changed}
        for name in new:
            self.topic(name)
        return replace(self, topics=tuple(new.get(t.topic, t) for t in self.topics))

    def edited(self, which: str, *, by: str, **changes: Any) -> Self:
        """With what a person has decided about one topic: `action`, `into`, `name`; DataError where it cannot be."""
        before = self.topic(which)
        wanted = {key: value for key, value in changes.items() if value}
        if "action" in wanted:
            wanted["action"] = _action(wanted["action"], which)
            wanted.setdefault("into", "")
        return self.changed([replace(before, **wanted, note=f"by {by}")])

    def to_json(self) -> str:
        """Text of `mapping.json`."""
        return json.dumps({**self._content(), "digest": self.digest}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = FILE, *, sealed: bool = True) -> Self:
        """Read a mapping; DataError if it is none, or `sealed` and not what its digest says (changed by hand)."""
        try:
            raw = json.loads(text)
            if raw["version"] != VERSION:
                raise DataError(f"{source} has version {raw['version']!r}; this release reads version {VERSION}.")
            mapping = cls(int(raw["layer"]), int(raw["texts"]), tuple(_topic(t) for t in raw["topics"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{source} is not a mapping of topics: {error!r}") from error
        if sealed and raw.get("digest") != mapping.digest:
            raise DataError(f"{source} is not what its digest says; use `rightpack mapping edit` to change it.")
        return mapping

    def _content(self) -> dict[str, Any]:
        topics = [{**asdict(t), "keywords": list(t.keywords)} for t in self.topics]
        return {"version": VERSION, "layer": self.layer, "texts": self.texts, "topics": topics}

    def _check(self, topic: Topic) -> None:
        if topic.parent:
            self.topic(topic.parent)
        seen = {topic.topic}
        while topic.action is Action.MERGE:
            target = self.topic(topic.into)
            if target.layer != topic.layer or target.topic in seen:
                raise DataError(
                    f"Topic {topic.topic!r} cannot be merged into {target.topic!r}: it must be another topic of the "
                    "same layer, and not one that is itself merged into this."
                )
            seen.add(target.topic)
            topic = target


def _topic(raw: Mapping[str, Any]) -> Topic:
    name = str(raw["topic"])
    return Topic(
        topic=name,
        name=str(raw["name"]),
        keywords=tuple(map(str, raw["keywords"])),
        size=int(raw["size"]),
        layer=int(raw["layer"]),
        parent=str(raw.get("parent", "")),
        coherence=float(raw.get("coherence", 1.0)),
        action=_action(raw.get("action", Action.KEEP), name),
        into=str(raw.get("into", "")),
        note=str(raw.get("note", "")),
    )


def _action(value: object, topic: str) -> Action:
    try:
        return Action(str(value))
    except ValueError as error:
        known = ", ".join(Action)
        raise DataError(f"Topic {topic!r} has action {value!r}; known are {known}.") from error
