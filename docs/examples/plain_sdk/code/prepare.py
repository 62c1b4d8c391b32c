"""Processing job: makes a little data and splits it. Any script of yours; SageMaker's paths come as arguments."""

import json
import random
import sys
from pathlib import Path

train, test = map(Path, sys.argv[1:3])
draw = random.Random(1)
rows = [{"size": size, "price": 3 * size + draw.gauss(0, 0.1)} for size in (draw.random() for _ in range(200))]
(train / "rows.json").write_text(json.dumps(rows[:150]))
(test / "rows.json").write_text(json.dumps(rows[150:]))
