"""A shop of four kinds of products; each kind has words of its own, brands are everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from processing.job import Job
from processing.tables import write_parts
from processing.topics.ensemble import Ensemble
from processing.topics.options import Options
from processing.topics.text import clean_all
from processing.topics.train import learn
from rightpack.mapping import Action
from rightpack.revision import Rule, revise
from rightpack.settings import Settings

KINDS = {
    "clothes": ["cotton soft knitted woven", "shirt hoodie scarf sock towel"],
    "books": ["illustrated hardcover pocket lined", "novel notebook calendar cookbook guide"],
    "china": ["glazed porcelain handmade stoneware", "mug bowl plate teapot vase"],
    "tools": ["steel forged chrome duty", "wrench hinge drill saw hammer"],
}
BRANDS = ["Lumora", "Kestrel", "Ondavi", "Brindle", "Halvorn"]
OPTIONS = Options(topics=4, dimensions=8, reduced=4, least_texts=40, folds=2)
RULE = Rule(largest_share=0.2, least_split=50, sub_topics_from=0.02)


def titles(count: int, seed: int = 1) -> tuple[pa.Array, list[str]]:
    """Titles, and the kind of each."""
    rng = np.random.default_rng(seed)
    kinds = [list(KINDS)[i] for i in rng.integers(0, len(KINDS), count)]

    def word(words: str) -> str:
        return str(rng.choice(words.split()))

    made = [
        f"{rng.choice(BRANDS)} {word(KINDS[kind][0])} {word(KINDS[kind][0])} {word(KINDS[kind][1]).title()}s, {i} pcs"
        for i, kind in enumerate(kinds)
    ]
    return pa.array(made), kinds


def three_layers(texts: pa.Array, options: Options = OPTIONS) -> Ensemble:
    """What the pipeline makes of clean texts."""
    model: Ensemble | None = None
    for _ in range(3):
        model = learn(texts, model, options)
        model = model.revised(revise(model.mapping, RULE))
    assert model is not None
    return model


@pytest.fixture(scope="session")
def shop() -> tuple[pa.Array, list[str]]:
    return titles(1200)


@pytest.fixture(scope="session")
def texts(shop: tuple[pa.Array, list[str]]) -> pa.Array:
    return clean_all(shop[0])


@pytest.fixture(scope="session")
def model(texts: pa.Array) -> Ensemble:
    found = three_layers(texts)
    assert Action.SPLIT in {t.action for t in found.mapping.topics}
    return found


def settings_in(folder: Path, **topics: Any) -> None:
    """What the input or channel `config` holds."""
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(Settings.load("dev", [{"topics": topics}]).to_json())


@pytest.fixture
def training_job(tmp_path: Path) -> Callable[..., Job]:
    """A training job of a layer with its channels."""

    def make(layer: str, table: pa.Table, **hyperparameters: str) -> Job:
        job = Job(tmp_path / f"layer-{layer}", {"LAYER": layer})
        job.model.mkdir(parents=True)
        write_parts(table, job.root / "input" / "data" / "train")
        (job.root / "input" / "config").mkdir()
        settings_in(job.root / "input" / "data" / "config")
        (job.root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(hyperparameters))
        return job

    return make
