"""Training one type on a million rows, until it is as good as LightGBM's defaults on pandas become: time and memory.

Each training is a process of its own: `python -m benchmarks.speed.training ROWS HELD ROUNDS` is the product's, and
`benchmarks.speed.plain` the other one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.speed.judging import by_rounds
from benchmarks.speed.products import BLOCK, CATEGORIES, FEATURES, OTHERS, SIZES, table
from benchmarks.speed.ratios import Ratio, quotients
from benchmarks.speed.usage import peak
from processing.architectures.base import Examples, Options
from processing.architectures.lightgbm import LightGBM, lgb
from processing.columns import LABEL, PRODUCT, WEIGHT
from processing.cores import cores
from processing.features.raw import RawColumns
from processing.features.rows import Rows

ROWS: Final = 1_000_000
HELD: Final = 200_000
SEED: Final = 41
MOST_ROUNDS: Final = 150
# how much each category says; a label hangs on what a product is as much as on its measures
EFFECTS: Final = {"category": 0.8, "line": 0.7, "material": 0.6, "hazard": 0.8, "origin": 0.1, "brand": 0.35}


def labels(products: pa.Table, kind: int) -> Any:
    """Whether each product suits a package type [rows]: by its measures, its categories, and some of both together."""
    random = np.random.default_rng([SEED, kind])
    numbers = np.stack([np.nan_to_num(products[name].to_numpy()) for name in (*SIZES, *OTHERS)], axis=1)
    scales = np.array([30, 15, 8, 3000, 30, *([0.6] * len(OTHERS))])
    codes = {name: products[name].combine_chunks().indices.to_numpy() for name in CATEGORIES}
    odds = 1.5 - np.tanh(numbers / scales) @ random.normal(0, 0.5, numbers.shape[1])
    for name, size in CATEGORIES.items():
        odds -= random.normal(0, EFFECTS[name], size)[codes[name]]
    odds += np.where((codes["hazard"] > 0) & (codes["material"] % 3 == kind % 3), 2, 0)
    odds += 1.2 * np.sin(np.log(numbers[:, 4]) * 2 + kind) * (codes["material"] % 2)
    return np.random.default_rng([SEED, kind, 1]).random(len(odds)) < 1 / (1 + np.exp(-1.1 * odds))


def write(path: Path, rows: int, first: int = 0) -> Path:
    """Labelled rows of one package type."""
    products = table(SEED, rows, first)
    known = products.append_column(LABEL, pa.array(labels(products, 0).astype(np.int8)))
    known = known.append_column(WEIGHT, pa.array(np.ones(rows)))
    pq.write_table(known, path, compression="zstd", compression_level=1, row_group_size=BLOCK)
    return path


def learn(path: Path, rounds: int) -> tuple[Any, LightGBM, float, float]:
    """The product's own way, for so many rounds: encoder, model, seconds without the start of Python, peak memory."""
    began = time.perf_counter()
    rows = Rows.read(path.parent, (PRODUCT, LABEL, WEIGHT))
    encoder, encoded = rows.encode(FEATURES, None, workers=cores())
    known = (rows.narrow[name].to_numpy().astype(np.float64) for name in (LABEL, WEIGHT))
    options = Options({"rounds_without_tuning": rounds}, seed=7, threads=cores())
    model = LightGBM.fit(Examples(encoded, *known), None, options)
    return encoder, model, time.perf_counter() - began, peak()


def enough(path: Path, held: Path, goal: float) -> int:
    """How many rounds bring the product's model to the goal; 0 if none do."""
    encoder, model, _, _ = learn(path, MOST_ROUNDS)
    unseen = pq.read_table(held)
    matrix, booster = encoder.encode(RawColumns(unseen, "rows held out")).matrix, lgb.Booster(model_str=model.text)
    found = by_rounds(lambda **how: booster.predict(matrix, **how), unseen[LABEL].to_numpy(), MOST_ROUNDS)
    return next((rounds for rounds, reached in found if reached >= goal), 0)


def run(module: str, *arguments: Any) -> dict[str, Any]:
    """What a process says of itself."""
    command = [sys.executable, "-m", f"benchmarks.speed.{module}", *map(str, arguments)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def measure(folder: Path, runs: int, rows: int = ROWS, held: int = HELD) -> list[Ratio]:
    """Time and memory to the same PR-AUC on rows that neither has seen."""
    (folder / "training").mkdir(exist_ok=True)
    path, unseen = write(folder / "training" / "rows.parquet", rows), write(folder / "unseen.parquet", held, rows)
    plain, ours, rounds = list[dict[str, Any]](), list[dict[str, Any]](), -1
    for _ in range(runs):
        plain.append(run("plain", path, unseen))
        if rounds < 0:
            rounds = run("training", path, unseen, plain[0]["pr_auc"], "goal")["rounds"]
        ours.append(run("training", path, unseen, rounds or MOST_ROUNDS))
    figures = {"rows": rows, "rounds": (plain[0]["rounds"], rounds), "pr_auc": plain[0]["pr_auc"]}
    why = "" if rounds else f"not as good after {MOST_ROUNDS} rounds"
    return [
        _ratio("training to equal PR-AUC, time", "seconds", 0.6, plain, ours, figures=figures, why=why),
        _ratio("training to equal PR-AUC, memory", "peak", 0.7, plain, ours, figures=figures, why=why),
    ]


def _ratio(name: str, figure: str, goal: float, plain: Any, ours: Any, *, figures: dict[str, Any], why: str) -> Ratio:
    theirs, own = ([one[figure] for one in each] for each in (plain, ours))
    found = () if why else quotients(own, theirs)
    return Ratio(name, found, goal, at_least=False, figures={**figures, "ours": own, "pandas": theirs}, why=why)


def main() -> int:
    """One training, or the search for the rounds that it needs."""
    path, held, number, *search = sys.argv[1:]
    if search:
        answer: dict[str, float] = {"rounds": enough(Path(path), Path(held), float(number))}
    else:
        *_, seconds, most = learn(Path(path), int(number))
        answer = {"seconds": seconds, "peak": most}
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
