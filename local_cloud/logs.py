"""CloudWatch Logs: lines of functions and jobs, and the metrics that are embedded in them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from local_cloud import backends

MetricSink = Callable[[str, str, float, Mapping[str, str]], None]


class Logs:
    """Appends to moto's log streams; lines in the embedded metric format also become data points."""

    def __init__(self, metric: MetricSink) -> None:
        self._metric, self._lock = metric, threading.Lock()

    def put(self, group: str, stream: str, lines: Sequence[str]) -> None:
        """Append lines to a stream, creating group and stream."""
        if not lines:
            return
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line or " "} for line in lines]
        with self._lock:
            store = backends.logs()
            store.ensure_log_group(group)
            store.ensure_log_stream(group, stream)
            store.put_log_events(group, stream, events)
        for line in lines:
            for namespace, name, value, dimensions in _embedded(line):
                self._metric(namespace, name, value, dimensions)


def _embedded(line: str) -> Iterator[tuple[str, str, float, dict[str, str]]]:
    if not (line.startswith("{") and '"_aws"' in line):
        return
    try:
        document: dict[str, Any] = json.loads(line)
        directives = document["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):  # CloudWatch, too, takes a malformed document for text
        return
    for directive in directives:
        yield from _directive(directive, document)


def _directive(
    directive: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[tuple[str, str, float, dict[str, str]]]:
    for names in directive.get("Dimensions") or [[]]:
        dimensions = {name: str(document[name]) for name in names if name in document}
        for metric in directive.get("Metrics", []):
            found = document.get(metric["Name"], [])
            for value in found if isinstance(found, list) else [found]:
                yield directive["Namespace"], metric["Name"], float(value), dimensions
