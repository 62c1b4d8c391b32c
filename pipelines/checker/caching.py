"""Step caching: well-formed, and able to hit at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pipelines.checker.document import Document, Step, as_mapping
from pipelines.checker.problems import Problem
from pipelines.checker.references import gets, steps_read
from pipelines.checker.service import ANSWERED
from rightpack.cache_reasons import KEYS, TRIAL

DURATION: Final = re.compile(r"P(?=\d|T\d)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?")
RUN_ID: Final = "Parameters.RunId"
STEADY: Final = ("Execution.PipelineName", "Execution.PipelineArn")  # the same in every execution


def is_cached(step: Step) -> bool:
    """Whether the service may reuse an earlier result of `step`."""
    return as_mapping(step.body.get("CacheConfig")).get("Enabled") is True


def compared(step: Step) -> dict[str, Any]:
    """The arguments of `step` that the service compares; of a tuning's trials, what says how they are trained."""
    found = {name: step.arguments[name] for name in KEYS.get(step.type, ()) if name in step.arguments}
    trial = as_mapping(found.get("TrainingJobDefinition"))
    return found | ({"TrainingJobDefinition": {key: trial[key] for key in TRIAL if key in trial}} if trial else {})


def check_caching(document: Document) -> Iterator[Problem]:
    """Cache settings; and no cached step depends on what differs in every execution, for it would never hit."""
    for step in document.steps:
        yield from _settings(step)
        if is_cached(step):
            yield from _never_hits(step, document)


def _settings(step: Step) -> Iterator[Problem]:
    cache, path = as_mapping(step.body.get("CacheConfig")), f"{step.path}.CacheConfig"
    for key in cache:
        if key not in ("Enabled", "ExpireAfter"):
            yield Problem(f"{path}.{key}", "unknown key of a cache configuration")
    if cache and not isinstance(cache.get("Enabled"), bool):
        yield Problem(f"{path}.Enabled", "must be true or false")
    expire = cache.get("ExpireAfter")
    if cache and not (isinstance(expire, str) and DURATION.fullmatch(expire)):
        yield Problem(f"{path}.ExpireAfter", f"{expire!r} is not an ISO 8601 duration like P30D or PT1H")


def _never_hits(step: Step, document: Document) -> Iterator[Problem]:
    if RUN_ID in set(gets(step.arguments)):
        yield Problem(f"{step.path}.Arguments", "a cached step must not see RunId: it differs in every run")
    for name, value in compared(step).items():
        path = f"{step.path}.Arguments.{name}"
        for get in sorted(set(gets(value))):
            if get.startswith("Execution.") and get not in STEADY:
                yield Problem(path, f"a cached step never hits with {get}: it differs in every execution")
        for other in sorted(steps_read(value)):
            source = document.by_name.get(other)
            if source is not None and source.type not in ANSWERED and not is_cached(source):
                yield Problem(path, f"a cached step never hits with results of {other}, which is not cached")
