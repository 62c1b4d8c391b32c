"""Callback steps: a token goes to a queue, the step ends when somebody answers it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from local_cloud.sagemaker.errors import StepFailedError, StepStoppedError, absent, conflict, invalid
from local_cloud.sagemaker.names import random_id
from local_cloud.sagemaker.outputs import mismatch, typed
from local_cloud.wire import Call, Json, Operation

_TOKEN = 10  # letters and digits
_STOP, _ABANDON = "stop", "abandon"


@dataclass(slots=True)
class Waiting:
    """A callback step from its message to its answer. `Stoppable`: a stop asks once more and goes on waiting."""

    token: str
    execution_arn: str
    declared: list[Json]
    answer: Json | None = None
    answered_by: str = ""
    signals: SimpleQueue[str] = field(default_factory=SimpleQueue)

    def request_stop(self, now: float) -> None:  # noqa: ARG002
        """Have the queue told that the execution is stopping; the step still ends only with its answer."""
        self.signals.put(_STOP)

    def outcome(self, tell_stopping: Callable[[], None]) -> Json:
        """Wait for the answer and give the outputs.

        Raises:
            StepFailedError: The answer was a failure.
            StepStoppedError: The local cloud is closing, nobody will answer any more.
        """
        while (signal := self.signals.get()) == _STOP:
            tell_stopping()
        if signal == _ABANDON or self.answer is None:
            raise StepStoppedError
        if "OutputParameters" not in self.answer:
            raise StepFailedError(self.answer.get("FailureReason", ""))
        return dict(self.answer["OutputParameters"])


class Callbacks:
    """SendPipelineExecutionStepSuccess and -Failure, and the tokens they answer."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._lock = threading.Lock()

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {
            "SendPipelineExecutionStepSuccess": self.succeed,
            "SendPipelineExecutionStepFailure": self.fail,
        }

    def open(self, execution_arn: str, declared: list[Json]) -> Waiting:
        """Draw a token for a step that is about to wait."""
        waiting = Waiting(random_id(_TOKEN), execution_arn, declared)
        with self._lock:
            self._waiting[waiting.token] = waiting
        return waiting

    def succeed(self, _call: Call, request: Json) -> Json:
        """SendPipelineExecutionStepSuccess; raises `ValidationException` for outputs that the step did not declare."""
        waiting = self._find(request)
        given = {item["Name"]: item["Value"] for item in request.get("OutputParameters", [])}
        wrong = mismatch(waiting.declared, given, closed=True)
        if wrong:
            raise invalid(f"The answer to callback token {waiting.token} {wrong}")
        return self._answer(waiting, request, {"OutputParameters": typed(waiting.declared, given)})

    def fail(self, _call: Call, request: Json) -> Json:
        """SendPipelineExecutionStepFailure."""
        return self._answer(self._find(request), request, {"FailureReason": request.get("FailureReason", "")})

    def close(self) -> None:
        """Give up waiting everywhere: the local cloud is closing."""
        with self._lock:
            for waiting in self._waiting.values():
                waiting.signals.put(_ABANDON)

    def _find(self, request: Json) -> Waiting:
        with self._lock:
            waiting = self._waiting.get(request["CallbackToken"])
        if waiting is None:
            raise absent(f"Callback token {request['CallbackToken']} does not exist.")
        return waiting

    def _answer(self, waiting: Waiting, request: Json, answer: Json) -> Json:
        """Enter the first answer; the same call again is the same answer, any other comes too late."""
        caller = request["ClientRequestToken"] if "ClientRequestToken" in request else random_id()
        with self._lock:
            if waiting.answer is None:
                waiting.answer, waiting.answered_by = answer, caller
                waiting.signals.put("answered")
            elif (waiting.answer, waiting.answered_by) != (answer, caller):
                raise conflict(
                    f"Callback token {waiting.token} of {waiting.execution_arn} was answered before: its step ended."
                )
        return {"PipelineExecutionArn": waiting.execution_arn}


def message(waiting: Waiting, step: str, arguments: Json, *, status: str) -> str:
    """Body of the message that asks for an answer; `status` is Executing, or Stopping when the execution stops."""
    return json.dumps(
        {
            "token": waiting.token,
            "pipelineExecutionArn": waiting.execution_arn,
            "stepName": step,
            "arguments": arguments,
            "status": status,
        }
    )
