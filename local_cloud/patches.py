"""Every place where we reach into moto, checked by name and signature before anything starts.

Flows inside moto never pass the gateway: an object written makes an event, a topic publishes to its subscribers, an
alarm changes its state. Each is led to our own code here, and `undo` leads it back, so that a process may start
several clouds, one after the other.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from local_cloud.metrics import Key, Point

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where moto's inner flows are led to. Arguments are moto's own objects."""

    object_event: Callable[[Any, str, Any], None]  # bucket, event name, key
    completing: Any  # thread-local whose `.active` is set while a multipart upload is completed
    run_function: Callable[[Any, bytes], tuple[bytes, bool, str]]  # function, payload -> answer, failed, log
    deliver_notice: Callable[[Any, str, str, str | None], bool]  # subscription, message, id, subject -> dealt with
    mapping_added: Callable[[str], None]  # id of an event source mapping
    metric_data: Callable[[str, Sequence[Any]], None]  # namespace, accepted data
    gauges: Callable[[], Sequence[tuple[Key, Point]]]  # sampled metrics for GetMetricData
    alarm_changed: Callable[[Any, str], None]  # alarm, former state
    alarm_history: Callable[[str | None], list[dict[str, Any]]]  # of one alarm or all


_EXPECTED: dict[tuple[str, str], list[str]] = {
    ("moto.s3.notifications", "_send_event_bridge_message"): ["account_id", "bucket", "event_name", "key"],
    ("moto.s3.models", "S3Backend.complete_multipart_upload"): ["self", "bucket_name", "multipart_id", "body"],
    ("moto.s3.models", "S3Backend.delete_object"): ["self", "bucket_name", "key_name", "version_id", "bypass"],
    ("moto.s3.models", "S3Backend.put_object"): [
        *("self", "bucket_name", "key_name", "value", "storage", "etag", "multipart", "encryption", "kms_key_id"),
        *("bucket_key_enabled", "lock_mode", "lock_legal_status", "lock_until", "checksum_value", "request_method"),
        "disable_notification",
    ],
    ("moto.s3.models", "FakeBucket.get_permission"): ["self", "action", "resource"],
    ("moto.events.models", "Rule.send_to_targets"): ["self", "original_event", "transform_input"],
    ("moto.events.models", "EventPattern.matches_event"): ["self", "event"],
    ("moto.events.models", "EventPattern.load"): ["raw_pattern"],
    ("moto.sqs.models", "Queue.delete_message"): ["self", "receipt_handle"],
    ("moto.sqs.models", "Queue._set_attributes"): ["self", "attributes", "now"],
    ("moto.sqs.models", "Queue.add_message"): ["self", "message"],
    ("moto.sns.models", "SNSBackend.publish"): [
        *("self", "message", "arn", "phone_number", "subject", "message_attributes", "group_id"),
        *("deduplication_id", "message_structure"),
    ],
    ("moto.sns.models", "Subscription.publish"): [
        *("self", "message", "message_id", "subject", "message_attributes", "group_id"),
        *("deduplication_id", "message_structure"),
    ],
    ("moto.awslambda.models", "LambdaFunction._invoke_lambda"): ["self", "event"],
    ("moto.awslambda.models", "LambdaBackend.create_event_source_mapping"): ["self", "spec"],
    ("moto.cloudwatch.models", "CloudWatchBackend.put_metric_data"): ["self", "namespace", "metric_data"],
    ("moto.cloudwatch.models", "Alarm.update_state"): ["self", "reason", "reason_data", "state_value"],
    ("moto.sts.models", "STSBackend.assume_role"): [
        *("self", "region_name", "role_session_name", "role_arn", "policy", "duration", "external_id"),
    ],
}
_ATTRIBUTES: dict[tuple[str, str], set[str]] = {
    ("moto.dynamodb.models.table", "Table.__init__"): {
        "items",
        "attr",
        "global_indexes",
        "hash_key_attr",
        "range_key_attr",
    },
    ("moto.s3.models", "FakeKey.__init__"): {"_value_buffer", "lock", "contentsize", "_etag"},
    ("moto.sqs.models", "Queue.__init__"): {"_messages", "_messages_lock", "lambda_event_source_mappings"},
    ("moto.cloudwatch.models", "Alarm.__init__"): {"state_value", "metric_data_queries", "treat_missing_data", "rule"},
    ("moto.awslambda.models", "LambdaFunction.__init__"): {
        "environment_vars",
        "code_bytes",
        "event_invoke_config",
        "role",
    },
    ("moto.scheduler.models", "EventBridgeSchedulerBackend.__init__"): {"schedule_groups"},
}


_ETAG_POSITION = 2  # of put_object's arguments after the value
_NAMES = {
    *(
        f"moto.{name}.models.{name}_backends"
        for name in ("s3", "sqs", "sns", "events", "scheduler", "logs", "cloudwatch", "dynamodb")
    ),
    *("moto.iam.models.iam_backends", "moto.sts.models.sts_backends", "moto.awslambda.models.lambda_backends"),
    *("moto.iam.aws_managed_policies.aws_managed_policies_data", "moto.core.responses.ActionResult"),
}


def contract() -> None:
    """Compare moto with what this package was written against.

    Raises:
        RuntimeError: moto has another name, signature or attribute; install the version pinned in pyproject.toml.
    """
    wrong = [text for place, names in _EXPECTED.items() if (text := _signature_trouble(place, names))]
    wrong += [f"{name} is missing" for name in sorted(_NAMES) if not _exists(name)]
    wrong += [text for place, names in _ATTRIBUTES.items() if (text := _attribute_trouble(place, names))]
    if wrong:
        found = "; ".join(wrong)
        raise RuntimeError(f"This moto is not the one the local cloud was written for; install the pinned one. {found}")


def _signature_trouble(place: tuple[str, str], expected: list[str]) -> str:
    try:
        found = list(inspect.signature(inspect.unwrap(_resolve(place))).parameters)
    except AttributeError as error:
        return f"{place[0]}.{place[1]} is missing ({error})"
    return "" if found == expected else f"{place[0]}.{place[1]} takes {found}, not {expected}"


def _attribute_trouble(place: tuple[str, str], names: set[str]) -> str:
    source = inspect.getsource(_resolve(place)) + inspect.getsource(_resolve((place[0], place[1].split(".")[0])))
    missing = sorted(name for name in names if name not in source)
    return f"{place[0]}.{place[1]} no longer sets {missing}" if missing else ""


def _exists(name: str) -> bool:
    module, _, member = name.rpartition(".")
    return hasattr(__import__(module, fromlist=["_"]), member)


def _resolve(place: tuple[str, str]) -> Any:
    module = __import__(place[0], fromlist=["_"])
    return functools.reduce(getattr, place[1].split("."), module)


class Patches:
    """Applies the patches of one cloud and takes them back."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._originals: list[tuple[Any, str, Any]] = []
        self._provider: type | None = None

    def apply(self) -> None:
        """Lead moto's inner flows to the hooks."""
        for patch in (self._s3, self._events, self._sqs, self._sns, self._lambda, self._cloudwatch):
            patch()

    def undo(self) -> None:
        """Give moto its own functions back, last first."""
        for owner, name, original in reversed(self._originals):
            setattr(owner, name, original)
        self._originals.clear()

    def _replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(owner, name)
        self._originals.append((owner, name, original))
        setattr(owner, name, functools.wraps(original)(make(original)))

    def _s3(self) -> None:
        import moto.s3.models as s3
        from moto.iam.access_control import PermissionResult
        from moto.s3 import notifications
        from moto.s3.responses import S3Response

        hooks = self._hooks

        def event(_original: Any) -> Any:
            return lambda _account, bucket, event_name, key: hooks.object_event(bucket, str(event_name.value), key)

        def complete(original: Any) -> Any:
            def completing(backend: Any, *args: Any, **kwargs: Any) -> Any:
                hooks.completing.active = True
                try:
                    key = original(backend, *args, **kwargs)
                finally:
                    hooks.completing.active = False
                _drop_parts(key)
                return key

            return completing

        self._replace(notifications, "_send_event_bridge_message", event)
        self._replace(s3.S3Backend, "complete_multipart_upload", complete)
        # moto reckons the tag later, from the buffer and without its lock: two readers at once got a wrong one
        self._replace(s3.S3Backend, "put_object", _tagged_at_once)
        # moto ignores the conditions of bucket policies, so that "deny without TLS" would deny everything
        self._replace(s3.FakeBucket, "get_permission", lambda _original: lambda *_args: PermissionResult.NEUTRAL)
        self._replace(S3Response, "get_bucket_notification", _event_bridge_told)

    def _events(self) -> None:
        import moto.events.models as events

        # our bus delivers; moto's other way in would stop at the first target it does not know
        self._replace(events.Rule, "send_to_targets", lambda _original: lambda *_args, **_kwargs: None)

    def _sqs(self) -> None:
        import moto.sqs.models as sqs

        def delete(original: Any) -> Any:
            def deleting(queue: Any, receipt_handle: str) -> None:
                with queue._messages_lock:  # noqa: SLF001 - moto swaps the list: a message added meanwhile would be lost
                    original(queue, receipt_handle)

            return deleting

        self._replace(sqs.Queue, "delete_message", delete)
        self._replace(sqs.Queue, "_set_attributes", _keeping_policy)

    def _sns(self) -> None:
        import moto.sns.models as sns

        hooks = self._hooks

        def publish(original: Any) -> Any:
            def publishing(subscription: Any, message: str, message_id: str, **rest: Any) -> None:
                if not _wanted(subscription, message, rest):
                    return
                try:
                    text = _own_text(subscription, message, rest)
                    if not hooks.deliver_notice(subscription, text, message_id, rest.get("subject")):
                        original(subscription, message, message_id, **rest)
                except (
                    Exception
                ):  # one unreachable subscriber must not keep the others, or the publisher, from going on
                    LOG.exception("a message of %s did not reach %s", subscription.topic_arn, subscription.endpoint)

            return publishing

        self._replace(sns.Subscription, "publish", publish)

    def _lambda(self) -> None:
        import moto.awslambda.models as functions

        hooks = self._hooks

        def invoke(_original: Any) -> Any:
            def invoking(function: Any, event: Any = None) -> tuple[str, bool, str]:
                body, failed, log = hooks.run_function(
                    function, json.dumps(event if event is not None else {}).encode()
                )
                return body.decode(), failed, log

            return invoking

        def create(original: Any) -> Any:
            def creating(backend: Any, spec: Any) -> Any:
                mapping = original(backend, spec)
                _unhook_mapping(backend, mapping)
                hooks.mapping_added(mapping.uuid)
                return mapping

            return creating

        self._replace(functions.LambdaFunction, "_invoke_lambda", invoke)
        self._replace(functions.LambdaBackend, "create_event_source_mapping", create)

    def _cloudwatch(self) -> None:
        import moto.cloudwatch.models as cloudwatch
        from moto.cloudwatch.responses import CloudWatchResponse

        hooks = self._hooks

        def put_data(original: Any) -> Any:
            def putting(backend: Any, namespace: str, metric_data: Any) -> None:
                original(backend, namespace, metric_data)
                hooks.metric_data(namespace, metric_data)

            return putting

        def update(original: Any) -> Any:
            def updating(alarm: Any, reason: str, reason_data: str, state_value: str) -> None:
                old = alarm.state_value
                original(alarm, reason, reason_data, state_value)
                if old != state_value:
                    hooks.alarm_changed(alarm, old)

            return updating

        self._replace(cloudwatch.CloudWatchBackend, "put_metric_data", put_data)
        self._replace(cloudwatch.CloudWatchBackend, "put_metric_alarm", _unknown_at_first)
        self._replace(cloudwatch.Alarm, "update_state", update)
        CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm  # it takes a rule as well
        CloudWatchResponse.describe_alarm_history = _history_action(hooks.alarm_history)
        self._provider = _gauge_provider(hooks.gauges)


def _event_bridge_told(original: Any) -> Any:
    """Answer with the configuration of EventBridge as well, which moto takes and acts on and keeps to itself."""

    def getting(response: Any) -> Any:
        status, headers, body = original(response)
        found = response.backend.get_bucket_notification_configuration(response.bucket_name)
        if found is None or found.event_bridge is None:
            return status, headers, body
        text = body.decode() if isinstance(body, bytes) else str(body)
        root = ElementTree.fromstring(text)  # noqa: S314 - moto's own answer
        space, brace, _ = root.tag.rpartition("}")
        ElementTree.SubElement(root, f"{space}{brace}EventBridgeConfiguration")
        return status, headers, ElementTree.tostring(root, encoding="unicode")

    return getting


def _keeping_policy(original: Any) -> Any:
    """What SetQueueAttributes does not name stays as it is; moto takes away the queue's policy."""

    def setting(queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        former = getattr(queue, "_policy_json", None)
        kept = {"Policy": json.dumps(former)} if former and "Policy" not in attributes else {}
        original(queue, {**attributes, **kept}, now)

    return setting


def _tagged_at_once(original: Any) -> Any:
    def putting(backend: Any, bucket_name: str, key_name: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) < _ETAG_POSITION and kwargs.get("etag") is None:
            kwargs["etag"] = hashlib.md5(value, usedforsecurity=False).hexdigest()
        return original(backend, bucket_name, key_name, value, *args, **kwargs)

    return putting


def _drop_parts(key: Any) -> None:
    """Forget the parts of a completed upload, which moto keeps beside the whole: twice the memory, a file for each."""
    if key is not None and key.multipart is not None:
        key.multipart.dispose()
        key.multipart = None


def _unknown_at_first(original: Any) -> Any:
    """A new alarm knows nothing (moto: OK); an updated one keeps its state."""

    def putting(backend: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        former = backend.alarms.get(name)
        alarm = original(backend, name, *args, **kwargs)
        alarm.state_value = former.state_value if former else "INSUFFICIENT_DATA"
        return alarm

    return putting


def _history_action(history: Callable[[str | None], list[dict[str, Any]]]) -> Any:
    from moto.core.responses import ActionResult

    def describe_alarm_history(response: Any) -> Any:
        name = response._get_param("AlarmName")  # noqa: SLF001 - the way moto's own actions read their parameters
        return ActionResult({"AlarmHistoryItems": history(name)})

    return describe_alarm_history


def _gauge_provider(gauges: Callable[[], Sequence[tuple[Key, Point]]]) -> type:
    """Make the class that moto asks, as every subclass of its provider, for metrics computed on the fly."""
    import datetime as dt

    from moto.cloudwatch.models import MetricDatum
    from moto.core.common_models import CloudWatchMetricProvider

    def datum(key: Key, point: Point) -> Any:
        pairs = [{"Name": name, "Value": value} for name, value in key[2]]
        moment = dt.datetime.fromtimestamp(point.time, dt.UTC).replace(tzinfo=None)
        return MetricDatum(key[0], key[1], point.most, pairs, moment)

    def get_cloudwatch_metrics(account_id: str, region: str) -> list[Any]:  # noqa: ARG001 - moto's signature
        return [datum(key, point) for key, point in gauges()]

    members = {"get_cloudwatch_metrics": staticmethod(get_cloudwatch_metrics)}
    return type("SampledMetrics", (CloudWatchMetricProvider,), members)


def _wanted(subscription: Any, message: str, rest: dict[str, Any]) -> bool:
    matcher = subscription._filter_policy_matcher  # noqa: SLF001 - the filter is judged here for every protocol
    return matcher is None or bool(matcher.matches(rest.get("message_attributes"), message))


def _own_text(subscription: Any, message: str, rest: dict[str, Any]) -> str:
    if rest.get("message_structure") != "json":
        return message
    return str(subscription._parse_message_structure(message, subscription.protocol))  # noqa: SLF001 - as above


def _unhook_mapping(backend: Any, mapping: Any) -> None:
    """Keep moto from running the function inside SendMessage; our pollers do it as Lambda does."""
    from moto.sqs.models import sqs_backends

    for queue in sqs_backends[backend.account_id][backend.region_name].queues.values():
        queue.lambda_event_source_mappings.pop(mapping.function_arn, None)
