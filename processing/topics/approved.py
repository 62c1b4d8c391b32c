"""The topic model that a training's settings name, ready to be seen as features."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processing.features.topical import Topical
from processing.fetching import fetch
from rightpack.registry import Registry
from rightpack.settings import Settings
from rightpack.topic_model import why_off


def approved(settings: Settings, client: Callable[[str], Any]) -> Topical | None:
    """Fetch the topic model that was chosen when the run started; None where models are to see no topics."""
    if why_off(settings) or not settings.topics.model:
        return None
    from processing.topics.ensemble import Ensemble  # its large libraries are for models that see topics

    package = Registry(client("sagemaker")).describe(settings.topics.model)
    with tempfile.TemporaryDirectory() as scratch:
        ensemble = Ensemble.load(fetch(package, client("s3"), Path(scratch)))
    return Topical.of(ensemble, settings.topics)
