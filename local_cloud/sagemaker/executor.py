"""Runs the graph of one execution: steps that are ready side by side, none after a stop, after a failure its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

from local_cloud.sagemaker.definitions import Step
from local_cloud.sagemaker.errors import StepFailedError, StepStoppedError
from local_cloud.sagemaker.execution import Execution, StepRun
from local_cloud.sagemaker.graph import Progress, ready
from local_cloud.wire import Json

RunStep = Callable[[Execution, Step, StepRun], Json]
_log = logging.getLogger(__name__)


class Executor:
    """Drives an execution to its end; `run_step` does the work of one step and answers its result."""

    def __init__(self, execution: Execution, run_step: RunStep) -> None:
        self._execution = execution
        self._run_step = run_step
        self._ended: SimpleQueue[tuple[StepRun, Future[None]]] = SimpleQueue()
        self._running = 0

    def run(self) -> None:
        """Run until nothing is running and nothing can start."""
        most = len(self._execution.started.definition.steps)
        with ThreadPoolExecutor(most, thread_name_prefix=f"steps-{self._execution.started.id}") as pool:
            self._start_ready(pool)
            while self._running:
                self._take(*self._ended.get())
                self._start_ready(pool)
        self._execution.finish()

    def _start_ready(self, pool: ThreadPoolExecutor) -> None:
        execution = self._execution
        if execution.stop.is_set():
            return
        progress = Progress(execution.statuses(), execution.results(), execution.halted())
        for name in ready(execution.started.definition, progress):
            if self._running >= execution.parallel:
                return
            run = execution.begin(execution.started.definition.steps[name])
            self._running += 1
            pool.submit(self._work, run).add_done_callback(partial(self._note_end, run))

    def _work(self, run: StepRun) -> None:
        try:
            result = self._run_step(self._execution, run.step, run)
        except StepFailedError as failed:
            run.halted = failed.halted
            self._execution.end(run, "Failed", reason=str(failed))
        except StepStoppedError:
            self._execution.end(run, "Stopped")
        else:
            self._execution.end(run, "Succeeded", result=result)

    def _note_end(self, run: StepRun, ended: Future[None]) -> None:
        self._ended.put((run, ended))

    def _take(self, run: StepRun, ended: Future[None]) -> None:
        """Count a step that ended; one that broke the local cloud itself has failed."""
        self._running -= 1
        problem = ended.exception()
        if problem is not None:
            _log.error(
                "Step %s of %s broke the local cloud.", run.step.name, self._execution.started.arn, exc_info=problem
            )
            reason = f"InternalServerError: the local cloud broke while running the step: {problem!r}"
            self._execution.end(run, "Failed", reason=reason)
