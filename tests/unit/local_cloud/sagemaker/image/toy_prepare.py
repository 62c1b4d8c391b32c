"""Split numbers in a text file: the larger half trains, the rest validates."""

import os
from pathlib import Path

root = Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml")) / "processing"
numbers = sorted(int(line) for file in (root / "input/data").iterdir() for line in file.read_text().split())
half = len(numbers) // 2
(root / "output/train/numbers.txt").write_text("\n".join(map(str, numbers[half:])))
(root / "output/validation/part-0.txt").write_text("\n".join(map(str, numbers[:half])))
