"""Carrying an event to a rule's targets: SQS, SNS and Lambda, and to the target's dead-letter queue when that fails."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud import backends
from local_cloud.event_input import render
from local_cloud.iam.authority import Authority
from local_cloud.iam.evaluation import Need
from local_cloud.wire import Json, NotSimulatedError

LOG = logging.getLogger(__name__)

_ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}
_MEMBERS = {"Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "SqsParameters", "DeadLetterConfig"} | {
    "RetryPolicy"  # accepted: there is nothing transient to wait for here
}


def check_target(target: Json) -> None:
    """Refuse a target of a kind, or with an option, that is not carried out."""
    service = target["Arn"].split(":")[2]
    if service not in _ACTIONS:
        raise NotSimulatedError(f"event targets of the service {service!r} ({target['Arn']})")
    unknown = sorted(set(target) - _MEMBERS)
    if unknown:
        raise NotSimulatedError(f"the options {unknown} of an event target ({target['Arn']})")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends rendered events, as far as the policies of their targets let it.

    `invoke_async` starts a function by ARN; `metric` records an `AWS/Events` data point.
    """

    invoke_async: Callable[[str, bytes], None]
    metric: Callable[[str, str, float, Mapping[str, str]], None]
    authority: Authority

    def send(self, rule_arn: str, targets: Sequence[Json], event: Json) -> None:
        """Give the event to every target; one that fails keeps nobody else from getting it."""
        name = rule_arn.rsplit("/", 1)[-1]
        for target in targets:
            try:
                self._permit(rule_arn, target)
                self._send(target["Arn"], render(target, event, rule_arn), target.get("SqsParameters", {}))
                self.metric("AWS/Events", "Invocations", 1, {"RuleName": name})
            except Exception as error:  # a target's failure is data: it goes to the log, a metric and the dead letters
                LOG.exception("rule %s could not reach %s", name, target["Arn"])
                self.metric("AWS/Events", "FailedInvocations", 1, {"RuleName": name})
                self._bury(rule_arn, target, event, error)

    def _permit(self, source: str, target: Json) -> None:
        """A rule is let in by the target's own policy; a schedule brings a role of its own."""
        need = Need(_ACTIONS[target["Arn"].split(":")[2]], target["Arn"])
        if source.split(":")[2] == "scheduler":
            self.authority.require_trust(target["RoleArn"], service="scheduler.amazonaws.com")
            self.authority.require(target["RoleArn"], need)
        else:
            self.authority.require_service("events.amazonaws.com", source, need)

    def _send(self, arn: str, body: str, options: Json) -> None:
        service = arn.split(":")[2]
        if service == "sqs":
            backends.sqs().send_message(arn.split(":")[5], body, group_id=options.get("MessageGroupId"))
        elif service == "sns":
            backends.sns().publish(body, arn)
        else:
            self.invoke_async(arn, body.encode())

    def _bury(self, rule_arn: str, target: Json, event: Json, error: Exception) -> None:
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            return
        why = {
            "RULE_ARN": rule_arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": _code(error),
            "ERROR_MESSAGE": str(error),
        }
        attributes = {name: {"DataType": "String", "StringValue": value[:1000] or "-"} for name, value in why.items()}
        try:
            self.authority.require_service("events.amazonaws.com", rule_arn, Need(_ACTIONS["sqs"], queue))
            backends.sqs().send_message(queue.split(":")[5], json.dumps(event), message_attributes=attributes)
        except Exception:  # as above: there is nowhere left to put it
            LOG.exception("dead-letter queue %s could not be reached", queue)


def _code(error: Exception) -> str:
    code: Any = getattr(error, "code", None)
    return code if isinstance(code, str) else type(error).__name__
