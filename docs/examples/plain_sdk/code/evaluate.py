"""Processing job: judges a model.tar.gz on held-out rows and writes evaluation.json."""

import json
import sys
import tarfile
from pathlib import Path

model, test, output = map(Path, sys.argv[1:4])
with tarfile.open(model / "model.tar.gz") as archive:
    slope = json.load(archive.extractfile("model.json"))["slope"]
rows = json.loads((test / "rows.json").read_text())
error = sum((slope * row["size"] - row["price"]) ** 2 for row in rows) / len(rows)
(output / "evaluation.json").write_text(json.dumps({"metrics": {"error": error}}))
