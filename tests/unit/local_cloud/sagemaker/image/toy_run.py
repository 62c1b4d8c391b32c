"""Run the lines of Python before `--`, with the words after it as arguments; `r` is the job's /opt/ml."""

import json
import os
import sys
import time

at = sys.argv.index("--")
lines, words = sys.argv[1:at], sys.argv[at + 1 :]
sys.argv = ["toy", *words]
names = {"r": os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml"), "json": json, "os": os, "sys": sys, "time": time}
exec("\n".join(lines), names)
