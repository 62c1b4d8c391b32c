"""The model is the mean of its channel, times a hyperparameter."""

import json
import os
import sys
from pathlib import Path

root = Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml"))
factor = float(json.loads((root / "input/config/hyperparameters.json").read_text())["factor"])
numbers = [int(line) for line in (root / "input/data/train/numbers.txt").read_text().split()]
sys.stdout.write("loss=0.75;\n")
sys.stdout.write("loss=0.25;\n")
(root / "model/mean.txt").write_text(str(factor * sum(numbers) / len(numbers)))
