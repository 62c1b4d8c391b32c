"""SNS notifications to protocols that moto drops or feigns: mail becomes a file, functions are really invoked."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_cloud.iam.authority import Authority
from local_cloud.iam.evaluation import Need
from local_cloud.mailbox import Mailbox
from local_cloud.wire import Call, Json, NotSimulatedError

LOG = logging.getLogger(__name__)
_ACTIONS = {"sqs": "sqs:SendMessage", "lambda": "lambda:InvokeFunction"}
_PROTOCOLS = {"email", "email-json", "sqs", "lambda"}


@dataclass(frozen=True, slots=True)
class Notices:
    """Delivers to one subscription at a time."""

    mailbox: Mailbox
    invoke_async: Callable[[str, bytes], None]
    authority: Authority

    def deliver(self, subscription: Any, message: str, message_id: str, subject: str | None) -> bool:
        """Deal with a subscription; `False` leaves it to moto (SQS)."""
        protocol = subscription.protocol
        if protocol in _ACTIONS:
            need = Need(_ACTIONS[protocol], subscription.endpoint)
            self.authority.require_service("sns.amazonaws.com", subscription.topic_arn, need)
        if protocol.startswith("email"):
            self.mailbox.deliver(subscription.endpoint, subscription.topic_arn, subject, message)
        elif protocol == "lambda":
            event = _lambda_event(subscription, message, message_id, subject)
            self.invoke_async(subscription.endpoint, json.dumps(event).encode())
        return bool(protocol != "sqs")

    @staticmethod
    def check_subscription(_call: Call, request: Json) -> None:
        """Refuse subscriptions that would never receive anything (sns:Subscribe)."""
        protocol = request.get("Protocol")
        if protocol not in _PROTOCOLS:
            raise NotSimulatedError(f"SNS subscriptions of the protocol {protocol!r}; there are {sorted(_PROTOCOLS)}")


def _lambda_event(subscription: Any, message: str, message_id: str, subject: str | None) -> Json:
    notice = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": subscription.topic_arn,
        "Subject": subject,
        "Message": message,
        "Timestamp": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": "1",
        "MessageAttributes": {},
    }
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription.arn, "Sns": notice}
    return {"Records": [record]}
