"""Approve when the mean score is above the bound in the first argument."""

import json
import os
import sys
from pathlib import Path

root = Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml")) / "processing"
scores = [float(line) for file in (root / "input/scores").iterdir() for line in file.read_text().split()]
mean = sum(scores) / len(scores)
report = {"metrics": {"mean": mean}, "decision": {"approved": mean > float(sys.argv[1]), "status": "Approved"}}
(root / "output/evaluation/evaluation.json").write_text(json.dumps(report))
