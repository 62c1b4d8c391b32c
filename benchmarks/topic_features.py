"""Do topics help the packaging models? `python -m benchmarks.topic_features [--labelled 3000] [--json FILE]`.

For each seed: a catalogue of 40,000 products; feedback and labels of the first 3,000 and 15,000; one LightGBM model per
trained package type, as the training step makes it; ROC-AUC on 5,000 other products that fit the type, judged by their
true damage. All arms see the same rows; differences are paired by seed. Topics are learned from titles only: from those
of the labelled products, or from those of the whole catalogue, which need no label. The arm `as_trained` is what the
training pipeline makes once a topic model is approved: topics come in through the model's own encoder.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.decisions.goals import Mean
from benchmarks.decisions.labels import training_table
from benchmarks.decisions.shop import Shop
from processing.features.raw import RawColumns
from processing.features.topical import Topical
from processing.statistics.metrics import Ranked
from processing.topics.assign import categorical, numeric, with_topics
from processing.topics.ensemble import Ensemble
from processing.topics.options import Options
from processing.topics.text import clean_all
from processing.topics.train import learn
from processing.train import train
from rightpack.revision import Rule, revise
from rightpack.settings import Settings

CATALOGUE: Final = 40_000
LABELLED: Final = (3_000, 15_000)
ASKED: Final = 5_000
LAYERS: Final = 3


@dataclass(frozen=True, slots=True)
class Arm:
    """What a model sees of the title: hashed words, topics of which titles, and where the title lies among them."""

    hashing: bool
    topics: str = ""  # "", "labelled" or "catalogue"
    coordinates: bool = False
    buckets: int = 0  # of hashed words; 0 = as configured
    layers: int = LAYERS  # whose topics are seen; 0 leaves the coordinates alone
    product: bool = False  # seen through the model's own encoder, as the settings say


ARMS: Final = {
    "hashing": Arm(hashing=True),
    "no_text": Arm(hashing=False),
    "hashing_in_1024_buckets": Arm(hashing=True, buckets=1024),  # no two words share one: is it only that?
    "hashing+topics_of_labelled": Arm(hashing=True, topics="labelled"),
    "hashing+topics_of_catalogue": Arm(hashing=True, topics="catalogue"),
    "hashing+topics_of_catalogue+coordinates": Arm(hashing=True, topics="catalogue", coordinates=True),
    "hashing+layer_1_of_catalogue": Arm(hashing=True, topics="catalogue", layers=1),
    "hashing+coordinates_of_catalogue": Arm(hashing=True, topics="catalogue", coordinates=True, layers=0),
    "topics_of_catalogue": Arm(hashing=False, topics="catalogue"),
    "topics_of_catalogue+coordinates": Arm(hashing=False, topics="catalogue", coordinates=True),
    "as_trained": Arm(hashing=True, topics="catalogue", product=True),
}
BASE: Final = "hashing"
# What each part adds: the arm that has it, and the arm that only lacks it.
PARTS: Final = {
    "topics, not just more buckets": ("hashing+topics_of_catalogue", "hashing_in_1024_buckets"),
    "layers 2 and 3": ("hashing+topics_of_catalogue", "hashing+layer_1_of_catalogue"),
    "titles of unlabelled products": ("hashing+topics_of_catalogue", "hashing+topics_of_labelled"),
    "topics beside coordinates": ("hashing+topics_of_catalogue+coordinates", "hashing+coordinates_of_catalogue"),
    "layers 2 and 3 beside coordinates": ("hashing+topics_of_catalogue+coordinates", "as_trained"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; always 0: the figures are the answer."""
    options = _options(arguments)
    settings, began = Settings.load("dev", [{"training": {"threads": options.threads}}]), time.perf_counter()
    runs = [run for seed in options.seeds for run in contest(seed, settings, options.labelled)]
    report = {**summary(runs), "runs": runs, "seconds": round(time.perf_counter() - began, 1)}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
    for kind in ("by_labelled", "parts"):
        for size, found in report[kind].items():
            for name, figures in found.items():
                low, high = figures["interval"]
                gain = f"{figures['gain']:+.4f} [{low:+.4f}, {high:+.4f}]"
                _say(f"{size:>6} labelled  {name:42} {figures['roc_auc']:.4f}  {gain}")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.topic_features", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--labelled", type=int, nargs="+", default=list(LABELLED), help="numbers of products")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def contest(seed: int, settings: Settings, labelled_products: Sequence[int]) -> list[dict[str, Any]]:
    """ROC-AUC by package type of every arm, for each number of labelled products."""
    shop = Shop.of(seed, CATALOGUE, settings.package_types)
    asked = shop.take(slice(max(LABELLED), max(LABELLED) + ASKED))
    whole = topics(shop)
    runs = []
    for size in labelled_products:
        labelled = shop.take(slice(0, size))
        learned = {"catalogue": whole, "labelled": topics(labelled), "": None}
        for name, arm in ARMS.items():
            began = time.perf_counter()
            found = measure(labelled, asked, settings, Seen(arm, learned[arm.topics]))
            seconds = round(time.perf_counter() - began, 2)
            runs.append({"seed": seed, "labelled": size, "arm": name, "roc_auc": found, "seconds": seconds})
            _say(f"seed {seed} {size:>6} {name:42} {np.mean(list(found.values())):.4f} {seconds} s")
    return runs


def topics(shop: Shop) -> Ensemble:
    """Three layers, revised by the rule in between, as the pipeline makes them."""
    texts = clean_all(shop.table["title"].combine_chunks())
    model: Ensemble | None = None
    for _ in range(LAYERS):
        model = learn(texts, model, Options(folds=0))
        model = model.revised(revise(model.mapping, Rule()))
    if model is None:
        raise ValueError("An ensemble has at least one layer.")
    return model


@dataclass(frozen=True, slots=True)
class Seen:
    """An arm with the topics that it uses."""

    arm: Arm
    model: Ensemble | None

    def shop(self, shop: Shop) -> Shop:
        """The shop with topic columns."""
        if self.model is None or self.arm.product:
            return shop
        return replace(shop, table=with_topics(shop.table, self.model, coordinates=self.arm.coordinates))

    def topical(self, settings: Settings) -> Topical | None:
        """Topics as training and serving see them; None for an arm that sees them as raw columns, or not at all."""
        return Topical.of(self.model, settings.topics) if self.model and self.arm.product else None

    def settings(self, settings: Settings) -> Settings:
        """Settings whose features are those of the arm."""
        own = settings.features
        if not self.arm.hashing:
            own = replace(own, text=())
        if self.arm.buckets:
            own = replace(own, text_buckets=self.arm.buckets)
        if self.model is not None and not self.arm.product:
            numbers = numeric(self.model, coordinates=self.arm.coordinates)
            seen = (*numbers[: self.arm.layers], *numbers[LAYERS:])
            own = replace(
                own,
                numeric=(*own.numeric, *seen),
                categorical=(*own.categorical, *categorical()[: self.arm.layers]),
            )
        return replace(settings, features=own)


def measure(labelled: Shop, asked: Shop, settings: Settings, seen: Seen) -> dict[str, float]:
    """ROC-AUC by trained package type on the asked products that fit it, by their true damage."""
    learning, wanted, settings = seen.shop(labelled), seen.shop(asked), seen.settings(settings)
    topical = seen.topical(settings)
    fits, raw = asked.offer().fits, RawColumns(wanted.table, "the products asked about")
    found = {}
    for place, package in enumerate(asked.types):
        if package.trained:
            table = training_table(learning, place, settings.labels)
            chances = train(table, package.name, settings, topics=topical).score(raw)
            truth = (asked.damage[:, place] <= settings.labels.damage_limit).astype(np.float64)
            own = fits[:, place]
            found[package.name] = float(Ranked.of(truth[own], chances[own]).metrics(np.ones(int(own.sum())))["roc_auc"])
    return found


def summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean ROC-AUC over types and seeds by labelled products and arm, and what each part adds, paired by seed."""
    by_size: dict[str, dict[str, Any]] = {}
    parts: dict[str, dict[str, Any]] = {}
    for size in sorted({run["labelled"] for run in runs}):
        of = _of(runs, size)
        base = of(BASE)
        by_size[str(size)] = {arm: _figures(of(arm), base) for arm in ARMS}
        parts[str(size)] = {part: _figures(of(one), of(other)) for part, (one, other) in PARTS.items()}
    return {"by_labelled": by_size, "parts": parts}


def _of(runs: Sequence[Mapping[str, Any]], size: int) -> Callable[[str], Any]:
    def means(arm: str) -> Any:
        own = [run for run in runs if run["labelled"] == size and run["arm"] == arm]
        return np.array([np.mean(list(run["roc_auc"].values())) for run in sorted(own, key=lambda r: r["seed"])])

    return means


def _figures(values: Any, base: Any) -> dict[str, Any]:
    gains = values - base
    gain = Mean.of(gains)
    interval = [round(gain.low, 5), round(gain.high, 5)]
    return {"roc_auc": round(float(values.mean()), 5), "gain": round(gain.mean, 5), "interval": interval}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
