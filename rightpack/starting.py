"""Starting one run: from its record in the ledger to one pipeline execution, however often and by whomever it is tried.

Every call carries a token that follows from the record, so a call whose answer was lost, or whose caller died before it
could write the answer down, is simply made again. A refusal that may pass leaves the run waiting; one that cannot pass
ends it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightpack.causes import PATIENT, Cause, Diagnosis, diagnose
from rightpack.layout import Layout, PipelineKind
from rightpack.ledger import Ledger, Run, RunState
from rightpack.settings import Launching

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

# A role that was made a moment ago is refused until it is known everywhere.
NOT_YET_ALLOWED: Final = frozenset({"AccessDeniedException", "AccessDenied"})
NOT_ENDED: Final = frozenset({"ValidationException", "ConflictException"})


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts, retries and stops the executions of runs, and writes into the ledger what came of it."""

    layout: Layout
    sagemaker: SageMakerClient
    ledger: Ledger
    now: Callable[[], dt.datetime]

    def start(self, run: Run) -> Diagnosis | None:
        """Start a run that is New; None if it runs now or somebody else dealt with it, else why it does not."""
        try:
            answer = self.sagemaker.start_pipeline_execution(
                PipelineName=self.layout.pipeline(PipelineKind(run.pipeline), run.shape),
                PipelineExecutionDisplayName=run.display_name,
                ClientRequestToken=start_token(run),
                PipelineParameters=[{"Name": k, "Value": v} for k, v in start_parameters(run).items()],
            )
        except _refusals() as error:
            refusal = refused(error)
            return self._not_started(run, refusal, _code(error) in NOT_YET_ALLOWED)
        arn = answer["PipelineExecutionArn"]
        if not self.ledger.launched(run.run_id, arn, now=self.now()):
            self._stop_if_unwanted(run.run_id, arn)
        return None

    def retry(self, run: Run) -> Diagnosis | None:
        """Retry the failed execution of a run as planned; None if it runs again, else why it does not."""
        moment = self.now()  # before the call: what fails after it is a failure of the retry
        try:
            self.sagemaker.retry_pipeline_execution(
                PipelineExecutionArn=run.execution_arn, ClientRequestToken=_digest(f"{run.execution_arn}#{run.retries}")
            )
        except _refusals() as error:
            refusal = refused(error)
            if _code(error) not in NOT_ENDED:  # else it runs already, by another hand
                if not refusal.transient:
                    self.fail(run, refusal)
                return refusal
        if not self.ledger.retried(run, now=moment):
            self._stop_if_unwanted(run.run_id, run.execution_arn)
        return None

    def stop(self, execution_arn: str) -> None:
        """Ask an execution to stop; the tracker sees it end."""
        token = _digest(f"{execution_arn}#stop")
        self.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution_arn, ClientRequestToken=token)

    def fail(self, run: Run, why: Diagnosis) -> bool:
        """End a run as failed; True for the one caller who did, False if it has gone on since it was looked at."""
        return self.ledger.failed(run, reason=why.reason, cause=why.cause, now=self.now(), step=why.step)

    def given_up(self, run: Run, why: Diagnosis) -> bool:
        """Whether trying again has lasted long enough under the run's own policy."""
        policy = Launching.from_json(run.policy)
        if why.cause not in PATIENT and run.state is not RunState.NEW:
            return run.retries >= policy.retries
        since = dt.datetime.fromisoformat(run.trouble_at) if run.trouble_at else self.now()
        return self.now() - since >= dt.timedelta(hours=policy.give_up_hours)

    def next_try(self, run: Run, tries: int) -> dt.datetime:
        """When to try again after `tries` earlier ones."""
        return self.now() + dt.timedelta(seconds=Launching.from_json(run.policy).wait_seconds(tries))

    def _not_started(self, run: Run, why: Diagnosis, not_allowed: bool) -> Diagnosis:
        if why.cause is Cause.LIMIT and why.transient:
            return why  # all slots are taken: the run keeps its place in the queue
        lasting = run.tries >= Launching.from_json(run.policy).retries if not_allowed else not why.transient
        if lasting or self.given_up(run, why):
            self.fail(run, why)
        else:
            until = self.next_try(run, run.tries)
            self.ledger.postponed(run, reason=why.reason, cause=why.cause, until=until, now=self.now())
        return why

    def _stop_if_unwanted(self, run_id: str, execution_arn: str) -> None:
        """While its execution was being started, somebody stopped the run, or was told that it can never start."""
        found = self.ledger.get(run_id)
        if found.state is RunState.STOPPED or ended_unstarted(found):
            self.stop(execution_arn)


def ended_unstarted(run: Run) -> bool:
    """Whether a run is over and has no execution: one that turns up later is not wanted."""
    return run.state in (RunState.FAILED, RunState.STOPPED) and not run.execution_arn


def start_token(run: Run) -> str:
    """ClientRequestToken of the run's present launch."""
    return _digest(f"{run.token}#{run.relaunches}") if run.relaunches else run.token


def start_parameters(run: Run) -> dict[str, str]:
    """Pipeline parameters of the run's present launch."""
    found: dict[str, str] = json.loads(run.parameters)
    fallback = Launching.from_json(run.policy).instances(run.relaunches)
    taken = {"ProcessingInstanceType"} if run.pipeline != PipelineKind.TRAINING else set(fallback)
    return {**found, **{name: value for name, value in fallback.items() if name in taken}}


def _refusals() -> tuple[type[Exception], ...]:
    """What a call may raise; imported when one does, because a cold start must not wait for it."""
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def refused(error: Exception) -> Diagnosis:
    """What the refusal of a call means; where the service did not answer, trying again can help."""
    answer: dict[str, Any] | None = getattr(error, "response", None)
    if answer is None:
        return Diagnosis(Cause.PLATFORM, True, f"SageMaker did not answer: {error}")
    found = diagnose(f"{_code(error)}: {answer.get('Error', {}).get('Message', '')}")
    broken = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
    return Diagnosis(Cause.PLATFORM, True, found.reason) if broken and not found.transient else found


def _code(error: Exception) -> Any:
    return getattr(error, "response", {}).get("Error", {}).get("Code", "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
