"""Topics of product texts: how they are learned, and whether the packaging models see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from rightpack.errors import SettingsError

LAYERS: Final = 3
MAPPINGS: Final = ("rule", "held")


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics pipeline, and topics as features.

    With `use`, models of single package types see the topics of the topic model `model` (an ARN; empty: the one that is
    approved when the run starts; where none is, they see no topics). They see those of the first `layers` layers, and
    with `coordinates` where a text lies among the topics of layer 1. Topics are learned and taken from the column
    `text`, from at most `most_texts` products (every n-th).

    Between two layers the mapping is revised by the `rule`, or `held` until a person accepts it. `instance_types` are
    those of the three layers, in order; none: as the pipeline says. `hyperparameters` are those of every layer.
    """

    use: bool = True
    model: str = ""
    text: str = "title"
    layers: int = 1
    coordinates: bool = True
    mapping: str = "rule"
    most_texts: int = 500_000
    instance_types: tuple[str, ...] = ()
    hyperparameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.mapping not in MAPPINGS:
            raise SettingsError(f"topics.mapping is {self.mapping!r}; it is one of {', '.join(MAPPINGS)}.")
        if not 0 <= self.layers <= LAYERS or not (self.layers or self.coordinates or not self.use):
            raise SettingsError(
                f"topics.layers is {self.layers}; it is 1 to {LAYERS}, or 0 where models see coordinates alone."
            )
        if self.most_texts < 1:
            raise SettingsError(f"topics.most_texts is {self.most_texts}; it is at least 1.")
        if len(self.instance_types) not in (0, LAYERS):
            raise SettingsError(f"topics.instance_types names {len(self.instance_types)} types; it names {LAYERS}.")
