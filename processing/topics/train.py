"""Train one layer: `python -m processing.topics.train`, the layer's number in the environment variable LAYER.

Channels: `train` (Parquet: product_id and a clean `text`, or a `title` that is cleaned here) and `config`; from layer 2
on also `previous` (the model so far) and `mapping` (what became of its topics). The model holds all layers up to this
one.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

import pyarrow as pa

from processing import tables
from processing.columns import PRODUCT
from processing.job import Job, run_step
from processing.topics.ensemble import LAYERS, Ensemble
from processing.topics.layer import ROOT, Layer, sample
from processing.topics.loss import Loss, cross_validated
from processing.topics.options import Options
from processing.topics.text import clean_all
from rightpack.errors import ContractError, DataError, InternalError
from rightpack.mapping import FILE as MAPPING
from rightpack.mapping import TopicMapping

log = logging.getLogger(__name__)
TEXT = "text"
TITLE = "title"


def run(job: Job) -> None:
    """Read the channels, write `model/`, print the loss for a tuning job."""
    settings = job.settings(job.channel("config"))
    options = Options.read(job.root / "input" / "config", settings.topics.hyperparameters)
    number = _number(job.variable("LAYER"))
    texts = texts_of(tables.read_folder(job.channel("train")))
    before = _previous(job) if number > 1 else None
    if before is not None and len(before.layers) != number - 1:
        raise InternalError(f"Layer {number} follows layer {number - 1}, but the channel has {len(before.layers)}.")
    parts = parts_of(texts, before)
    model = extended(before, Layer.fit(number, parts, options), parts, total=len(texts))
    model.save(job.model)
    announce(model, loss_of(model.layers[-1], parts, options, total=len(texts)) if options.folds else None)


def learn(texts: pa.Array, before: Ensemble | None, options: Options) -> Ensemble:
    """The next layer on top of `before`, from clean texts in a fixed order."""
    parts = parts_of(texts, before)
    number = len(before.layers) + 1 if before else 1
    return extended(before, Layer.fit(number, parts, options), parts, total=len(texts))


def texts_of(table: pa.Table) -> pa.Array:
    """Clean texts in the order of their products; ContractError where there is no column of texts."""
    names = set(table.column_names)
    if PRODUCT not in names or not names & {TEXT, TITLE}:
        raise ContractError(f"The texts need the columns {PRODUCT} and {TEXT} (or {TITLE}); there are {sorted(names)}.")
    ordered = table.sort_by([(PRODUCT, "ascending")])
    if TEXT in names:
        return ordered[TEXT].combine_chunks().fill_null("")
    return clean_all(ordered[TITLE].combine_chunks())


def parts_of(texts: pa.Array, before: Ensemble | None) -> dict[str, pa.Array]:
    """Texts of each topic that is to be split now; all texts for layer 1."""
    if before is None:
        return {ROOT: texts}
    leaf = before.leaves(texts)
    return {topic: texts.filter(pa.array(leaf == topic)) for topic in before.mapping.to_split()}


def extended(before: Ensemble | None, layer: Layer, parts: Mapping[str, pa.Array], *, total: int) -> Ensemble:
    """`before` with one more layer; its topics join the mapping, all to be kept until somebody revises them."""
    mapping = before.mapping if before else TopicMapping(layer.number, total, ())
    layers = before.layers if before else ()
    return Ensemble((*layers, layer), mapping.extended(layer.number, layer.topics(parts)))


def loss_of(layer: Layer, parts: Mapping[str, pa.Array], options: Options, *, total: int) -> Loss | None:
    """Cross-validated loss of what the layer has learned, parents by their texts; None if that is nothing."""
    least = options.folds * max(options.topics, options.least_count)
    own = {parent: len(parts[parent]) for parent in layer.groupings if len(parts[parent]) >= least}
    losses = {}
    for parent, size in own.items():
        try:
            texts = sample(parts[parent], options.most_texts)
            losses[parent] = cross_validated(texts, options, share=size / total)
        except DataError as error:
            log.warning("the loss of topic %s is not measured: %s", parent or "(all)", error)
    return Loss.mean(list(losses.values()), [float(own[parent]) for parent in losses]) if losses else None


def announce(model: Ensemble, loss: Loss | None) -> None:
    """Lines that metric definitions pick up: `name=value;`."""
    values: dict[str, float] = {"topic_count": sum(t.layer == len(model.layers) for t in model.mapping.topics)}
    if loss is not None:
        values |= {
            "topic_loss": loss.value,
            "topic_coherence": 1 - loss.incoherence,
            "topic_outliers": loss.outliers,
            "topic_over_general": loss.over_general,
            "topic_repeated": loss.repeated,
        }
    for name, value in values.items():
        sys.stdout.write(f"{name}={value:.6g};\n")
    sys.stdout.flush()


def _previous(job: Job) -> Ensemble:
    path = job.channel("mapping") / MAPPING
    if not path.is_file():
        raise DataError(f"The channel 'mapping' has no {MAPPING}; the callback step must answer with its URI.")
    return Ensemble.load(job.channel("previous")).revised(TopicMapping.from_json(path.read_text()))


def _number(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= LAYERS:
        raise InternalError(f"LAYER must be 1 to {LAYERS}, not {text!r}; the pipeline definition must set it.")
    return int(text)


def main() -> int:
    """Entry of the training job."""
    return run_step(run, note="failure")


if __name__ == "__main__":
    sys.exit(main())
