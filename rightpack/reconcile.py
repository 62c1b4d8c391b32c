"""The reconciler: by the clock, makes everything right that events, answers or functions that died have left undone.

It asks about every execution in flight, looks for executions that the ledger does not know to run, starts what waits,
retries what is due, tells what was not told, closes batches, and measures. Each part is safe to do twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from rightpack.ages import Ages
from rightpack.batches import Batches
from rightpack.dispatch import Dispatcher
from rightpack.layout import MODES, Layout, Metric, PipelineKind
from rightpack.ledger import IN_FLIGHT, RETRY, Run
from rightpack.metrics import Metrics
from rightpack.tracking import Tracker

RECENT: Final = 50  # runs of each pipeline that are looked at whatever the ledger says of them
ABSENT: Final = frozenset({"ResourceNotFound", "ResourceNotFoundException"})


@dataclass(slots=True)
class _Pass:
    """One pass: what was done, and what went wrong in it; a run that cannot be asked about does not stop the others."""

    done: dict[str, int] = field(default_factory=dict)
    problems: list[Exception] = field(default_factory=list)

    def count(self, name: str, work: Callable[[], int]) -> None:
        """Do a piece of work and count it under `name`."""
        try:
            self.done[name] = self.done.get(name, 0) + work()
        except Exception as error:  # noqa: BLE001 - raised together at the end of the pass
            self.problems.append(error)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """One stage's reconciler; built once per Lambda environment."""

    layout: Layout
    tracker: Tracker
    dispatcher: Dispatcher
    batches: Batches
    metrics: Metrics

    def reconcile(self) -> dict[str, Any]:
        """One pass; return counts of what was done. ExceptionGroup if any part failed, after all the others."""
        this = _Pass()
        live = self._live()
        for arn in dict.fromkeys(run.execution_arn for run in live if run.execution_arn and run.open):
            this.count("tracked", lambda arn=arn: int(self.tracker.track(arn) is not None))  # type: ignore[misc]
        this.count("orphans", lambda: self._orphans(live))
        this.count("tried", lambda: len(self.dispatcher.fill()))
        this.count("closed", lambda: len(self.batches.close()))
        this.count("told", lambda: self.tracker.outbox.tell_all(self.dispatcher.policy.notice_lease_seconds))
        this.count("measured", self._measure)
        if this.problems:
            raise ExceptionGroup(f"Reconciling was not complete; done: {this.done}", this.problems)
        return this.done

    def _live(self) -> list[Run]:
        """Runs that may have an execution: those that should, and recent ones, also from before there were queues."""
        recent = [run for kind in PipelineKind for run in self.tracker.ledger.recent(kind.value, RECENT)]
        return [*self.tracker.ledger.queued(IN_FLIGHT), *self.tracker.ledger.queued(RETRY), *recent]

    def _orphans(self, live: list[Run]) -> int:
        """Executions that run although the ledger does not say so: a start that was never written down, or unwanted.

        They are looked for in the published pipelines and in those of the shapes that `live` runs were launched on.
        """
        shaped = {(PipelineKind(run.pipeline), run.shape) for run in live if run.shape}
        places = [*((kind, "") for kind in PipelineKind), *sorted(shaped)]
        return sum(self._is_orphan(kind, one) for kind, shape in places for one in self._running(kind, shape))

    def _is_orphan(self, kind: PipelineKind, summary: dict[str, Any]) -> bool:
        name = summary.get("PipelineExecutionDisplayName", "").partition("-try-")[0]
        run = self.tracker.ledger.find(name) if name.startswith(f"{kind.value}-") else None
        arn = summary["PipelineExecutionArn"]
        if run is None or (run.open and run.execution_arn == arn):
            return False
        self.tracker.track(arn)
        return True

    def _running(self, kind: PipelineKind, shape: str) -> Iterator[dict[str, Any]]:
        try:
            answer = self.tracker.sagemaker.list_pipeline_executions(
                PipelineName=self.layout.pipeline(kind, shape),
                SortBy="CreationTime",
                SortOrder="Descending",
                MaxResults=100,
            )
        except self.tracker.sagemaker.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in ABSENT:
                raise
            return  # a stage need not have every pipeline
        for summary in answer["PipelineExecutionSummaries"]:
            if summary["PipelineExecutionStatus"] == "Executing":
                yield dict(summary)

    def _measure(self) -> int:
        self.metrics.put({Metric.LAUNCH_WAIT: self.dispatcher.oldest_wait()})
        ages = Ages(self.tracker.ledger)
        for kind in PipelineKind:
            for mode in MODES[kind]:
                age = ages.hours(kind, mode, now=self.tracker.now())
                self.metrics.put({Metric.HOURS_SINCE_SUCCESS: age}, Pipeline=kind.value, Mode=mode)
        return 1 + len(PipelineKind)
