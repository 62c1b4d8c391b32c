"""`rightpack explain-cache RUN STEP`: why a step of a run took an earlier result, or did not."""

from __future__ import annotations

import json as text
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from rightpack import cache_reasons
from rightpack.cache_reasons import Explanation, Verdict
from rightpack.cli import output
from rightpack.cli.config import Json, StageName
from rightpack.cli.stage import Stage
from rightpack.errors import DataError

_SAID: Final = {
    Verdict.HIT: "hit: it took the result of {other}.",
    Verdict.REUSED: "was not run: this selective execution took it over from {other}.",
    Verdict.OFF: "ran: caching is off for it, or the service caches no steps of its type.",
    Verdict.FIRST: "missed: no earlier execution among the last {look_back} ran it.",
    Verdict.FAILED: "missed: it ran with the same arguments in {other}, but did not succeed.",
    Verdict.EXPIRED: "missed: it ran with the same arguments in {other}, but that ended {ended:%Y-%m-%d %H:%M} UTC and "
    "counts for {expire_after} only.",
    Verdict.RUNNING: "missed: {other} was still running it with the same arguments.",
    Verdict.CHANGED: "missed: since {other} these arguments changed.",
    Verdict.UNKNOWN: "missed, although nothing that counts differs from {other}: was caching on there?",
}
Run = Annotated[str, typer.Argument(help="Run id, or the ARN of a pipeline execution.")]


def explain_cache(
    run: Run, step: Annotated[str, typer.Argument(help="Step, e.g. Train.")], stage: StageName = "dev", json: Json = ""
) -> None:
    """Say why a step of a run hit or missed the step cache."""
    connected = Stage.connect(stage)
    found = cache_reasons.explain_cache(connected.client("sagemaker"), _execution(connected, run), step)
    output.present(facts(found), [json] if json else [], lambda _: _show(found))


def sentence(found: Explanation) -> str:
    """The verdict in words."""
    shown = _SAID[found.verdict].format(**asdict(found), look_back=cache_reasons.LOOK_BACK)
    return f"{found.step} {shown}"


def facts(found: Explanation) -> dict[str, Any]:
    """The same for machines."""
    ended = found.ended.isoformat() if found.ended else None
    return {**asdict(found), "ended": ended, "differences": [asdict(item) for item in found.differences]}


def _show(found: Explanation) -> None:
    output.console.print(sentence(found), highlight=False)
    if found.differences:
        rows = [(item.path, _value(item.before), _value(item.now)) for item in found.differences]
        output.table("Arguments", ("argument", "earlier", "now"), rows)


def _value(value: Any) -> str:
    return "(absent)" if value is None else value if isinstance(value, str) else text.dumps(value)


def _execution(stage: Stage, run: str) -> str:
    if run.startswith("arn:"):
        return run
    arn = stage.ledger.get(run).execution_arn
    if not arn:
        raise DataError(f"Run {run} has not started an execution: there are no steps to explain.")
    return arn
