"""Metrics of training jobs, read from what their containers log by the regular expressions of the request."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json


def last_metrics(definitions: list[Json], *hosts: Workspace) -> dict[str, float]:
    """Find the last value of each metric in the logs, those of the first host before those of the others."""
    readings = [Reading(item) for item in definitions]
    found: dict[str, float] = {}
    for line in (line for host in reversed(hosts) for line in host.log_lines()) if readings else ():
        for reading in readings:
            for value in reading.values(line):
                found[reading.name] = value
    return found


class Reading:
    """One metric definition: finds its values in lines of a log, the first group of its regular expression."""

    def __init__(self, definition: Json) -> None:
        self.name: str = definition["Name"]
        self._pattern = re.compile(definition["Regex"])

    def values(self, line: str) -> Iterator[float]:
        """Finite numbers in a line; text that only looks like the metric is passed over."""
        for match in self._pattern.finditer(line):
            value = _number(match)
            if value is not None and math.isfinite(value):
                yield value


def _number(match: re.Match[str]) -> float | None:
    try:
        return float(match[1])
    except (IndexError, ValueError, TypeError):
        return None  # a line that only looks like the metric
