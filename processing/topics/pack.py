"""Pack: the last layer is revised by the rule, and layers and mapping become the one model that is registered."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import numpy as np

from processing import tables
from processing.job import Job, Record, run_step
from processing.topics.ensemble import ARCHIVE, Ensemble
from processing.topics.train import texts_of
from rightpack.errors import DataError
from rightpack.layout import Metric
from rightpack.mapping import FILE as MAPPING
from rightpack.mapping import Action
from rightpack.metrics import Metrics
from rightpack.revision import Rule, revise
from rightpack.topic_model import GROUP as TOPIC_MODELS

LAYERS: Final = 3


def run(job: Job) -> None:
    """Read the inputs `model` (of the last layer) and `texts`; write `packed` and `quality`."""
    record = Record("Pack")
    model = Ensemble.load(job.input("model"))
    if len(model.layers) != LAYERS:
        raise DataError(f"The model has {len(model.layers)} layers, not {LAYERS}; the last layer's model is packed.")
    model = model.revised(revise(model.mapping, Rule()))
    table = tables.read_folder(job.input("texts"))
    record.read("texts", job.input("texts"), table.num_rows)
    packed, quality = job.output("packed"), job.output("quality")
    model.pack(packed / ARCHIVE)
    (packed / MAPPING).write_text(model.mapping.to_json())
    record.wrote("packed", packed)
    figures = statistics(model, [placed.there for placed in model.assign(texts_of(table))])
    (quality / "statistics.json").write_text(json.dumps(figures, indent=1, sort_keys=True))
    record.wrote("quality", quality)
    record.save(quality)
    # it is registered next, and waits for a person
    Metrics(job.client("cloudwatch"), job.layout.stage).put({Metric.MODEL_HELD: 1}, PackageType=TOPIC_MODELS)


def statistics(model: Ensemble, there: list[Any]) -> dict[str, Any]:
    """Per layer: topics, what became of them, mean coherence by size, and the share of texts that have one."""
    layers = []
    for number, own in enumerate(there, start=1):
        topics = [t for t in model.mapping.topics if t.layer == number]
        sizes = np.array([t.size for t in topics], dtype=np.float64)
        coherent = np.array([t.coherence for t in topics])
        layers.append(
            {
                "layer": number,
                "topics": len(topics),
                "actions": {action.value: sum(t.action is action for t in topics) for action in Action},
                "coherence": round(float(coherent @ sizes / sizes.sum()), 4) if sizes.sum() else None,
                "covered": round(float(np.mean(own)), 4),
            }
        )
    return {"version": 1, "mapping": model.mapping.digest, "texts": model.mapping.texts, "layers": layers}


def main() -> int:
    """Entry of the step."""
    return run_step(run)


if __name__ == "__main__":
    sys.exit(main())
