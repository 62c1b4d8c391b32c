"""Which topic model a training sees: chosen once, when the run starts, and written into its settings.

So the settings' digest tells two topic models apart, and with it the cache of every step that reads settings.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from rightpack.layout import Layout
from rightpack.registry import Registry
from rightpack.settings import Settings, Topics

GROUP: Final = "topics"  # of topic models, named as those of package types are


def with_topic_model(settings: Settings, registry: Registry, layout: Layout) -> Settings:
    """`settings` that name the topic model to use: the one they name, else the approved one; empty if there is none."""
    topics = settings.topics
    if why_off(settings) or topics.model:
        return settings
    champion = registry.champion(layout.model_group(GROUP))
    return replace(settings, topics=replace(topics, model=champion.arn if champion else ""))


def why_off(settings: Settings) -> str:
    """Why models see no topics even if there is a topic model; empty if they do."""
    if not settings.topics.use:
        return "the settings say topics.use = false"
    if settings.topics.text not in settings.features.raw:
        return f"the features have no column {settings.topics.text!r} to take them from"
    return ""


def without_topics(settings: Settings) -> str:
    """What card and report say of a model that sees no topics."""
    return f"none: {why_off(settings) or 'no topic model was approved when the run started'}"


def topic_parameters(topics: Topics) -> dict[str, str]:
    """Parameters of the topics pipeline that settings decide: who revises, and on which machines layers are learned."""
    machines = {f"Layer{number}InstanceType": name for number, name in enumerate(topics.instance_types, start=1)}
    return {"MappingMode": topics.mapping, **machines}
