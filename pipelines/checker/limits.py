"""Rules that the service documents in words and its model does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipelines.checker.document import Document, Step, as_list, as_mapping
from pipelines.checker.problems import Problem

LOCAL_ROOT: Final = "/opt/ml/processing/"
MAX_IN_FLIGHT_MB: Final = 100


def check_limits(document: Document) -> Iterator[Problem]:
    """Transform payloads and batching; names and paths of processing inputs and outputs."""
    for step in document.steps:
        if step.type == "Transform":
            yield from _transform(step)
        if step.type == "Processing":
            yield from _channels(step)


def _transform(step: Step) -> Iterator[Problem]:
    path, arguments = f"{step.path}.Arguments", step.arguments
    parallel, payload = arguments.get("MaxConcurrentTransforms", 1), arguments.get("MaxPayloadInMB", 6)
    if isinstance(parallel, int) and isinstance(payload, int) and parallel * payload > MAX_IN_FLIGHT_MB:
        wrong = f"MaxConcurrentTransforms {parallel} times MaxPayloadInMB {payload} is more than {MAX_IN_FLIGHT_MB}"
        yield Problem(path, wrong)
    split = as_mapping(arguments.get("TransformInput")).get("SplitType", "None")
    if split == "None" and "BatchStrategy" in arguments:
        yield Problem(f"{path}.BatchStrategy", "needs a SplitType; without one every object is one request")


def _channels(step: Step) -> Iterator[Problem]:
    outputs = as_list(as_mapping(step.arguments.get("ProcessingOutputConfig")).get("Outputs"))
    inputs = [("ProcessingInputs", raw) for raw in as_list(step.arguments.get("ProcessingInputs"))]
    seen: set[tuple[str, str]] = set()
    for kind, raw in [*inputs, *(("ProcessingOutputConfig", raw) for raw in outputs)]:
        path, name, local = f"{step.path}.Arguments.{kind}", _name(raw), _local_path(raw)
        if not local.startswith(LOCAL_ROOT):
            yield Problem(path, f"LocalPath {local!r} of {name!r} must begin with {LOCAL_ROOT}")
        for what, value in ((kind, name), ("LocalPath", local)):
            if (what, value) in seen:
                yield Problem(path, f"two inputs or outputs are called, or lie at, {value!r}")
            seen.add((what, value))


def _name(raw: Any) -> str:
    channel = as_mapping(raw)
    return str(channel.get("InputName") or channel.get("OutputName") or "")


def _local_path(raw: Any) -> str:
    channel: Mapping[str, Any] = as_mapping(raw)
    return str(as_mapping(channel.get("S3Input") or channel.get("S3Output")).get("LocalPath") or "")
