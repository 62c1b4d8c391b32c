"""SQS queues, SNS topics, subscriptions, and the policies of both."""

from __future__ import annotations

from local_cloud.account import ACCOUNT, REGION
from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json

_QUEUE = {
    *(
        "DelaySeconds",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "VisibilityTimeout",
    ),
    *("RedrivePolicy", "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "SqsManagedSseEnabled"),
}
_TOPIC = {"DisplayName", "FifoTopic", "ContentBasedDeduplication"}
_SUBSCRIPTION = ("FilterPolicy", "FilterPolicyScope")
_NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


def _create_queue(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("QueueName"), limit=80)
    url = context.call(
        "sqs", "create_queue", QueueName=name, Attributes=properties.pick(*sorted(_QUEUE)), tags=properties.tags()
    )["QueueUrl"]
    return _queue(name, url)


def _update_queue(context: Context, url: str, properties: Properties, _former: Json) -> Made:
    attributes = properties.pick(*sorted(_QUEUE - {"FifoQueue"}))
    context.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes=attributes)
    if properties.tags():
        context.call("sqs", "tag_queue", QueueUrl=url, Tags=properties.tags())
    return _queue(url.rsplit("/", 1)[-1], url)


def _queue(name: str, url: str) -> Made:
    return Made(url, {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "QueueName": name, "QueueUrl": url})


def _delete_queue(context: Context, url: str, _properties: Json) -> None:
    context.try_call("sqs", "delete_queue", _NO_QUEUE, QueueUrl=url)


def _put_queue_policy(context: Context, properties: Properties) -> Made:
    for url in properties.required("Queues"):
        policy = {"Policy": properties["PolicyDocument"]}
        context.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes=policy)
    return Made(context.name(None))


def _update_queue_policy(context: Context, physical_id: str, properties: Properties, _former: Json) -> Made:
    _put_queue_policy(context, properties)
    return Made(physical_id)


def _delete_queue_policy(context: Context, _physical_id: str, properties: Json) -> None:
    for url in properties["Queues"]:
        context.try_call("sqs", "set_queue_attributes", _NO_QUEUE, QueueUrl=url, Attributes={"Policy": ""})


def _create_topic(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("TopicName"), limit=256)
    attributes = properties.pick(*sorted(_TOPIC))
    arn = context.call("sns", "create_topic", Name=name, Attributes=attributes, Tags=properties.tag_list())["TopicArn"]
    for entry in properties.get("Subscription", []):
        context.call("sns", "subscribe", TopicArn=arn, Protocol=entry["Protocol"], Endpoint=entry["Endpoint"])
    return _topic(arn)


def _update_topic(context: Context, arn: str, properties: Properties, _former: Json) -> Made:
    for name in sorted(_TOPIC - {"FifoTopic"}):
        if name in properties:
            value = properties[name]
            context.call("sns", "set_topic_attributes", TopicArn=arn, AttributeName=name, AttributeValue=value)
    properties.pick("Tags")
    return _topic(arn)


def _topic(arn: str) -> Made:
    return Made(arn, {"TopicArn": arn, "TopicName": arn.rsplit(":", 1)[-1]})


def _delete_topic(context: Context, arn: str, _properties: Json) -> None:
    context.try_call("sns", "delete_topic", ("NotFound",), TopicArn=arn)


def _put_topic_policy(context: Context, properties: Properties) -> Made:
    for arn in properties.required("Topics"):
        policy = properties["PolicyDocument"]
        context.call("sns", "set_topic_attributes", TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return Made(context.name(None))


def _update_topic_policy(context: Context, physical_id: str, properties: Properties, _former: Json) -> Made:
    _put_topic_policy(context, properties)
    return Made(physical_id)


def _subscribe(context: Context, properties: Properties) -> Made:
    attributes = properties.pick(*_SUBSCRIPTION)
    if str(properties.get("RawMessageDelivery", False)).lower() == "true":
        attributes["RawMessageDelivery"] = "true"
    target = properties.pick("TopicArn", "Protocol", "Endpoint")
    made = context.call("sns", "subscribe", **target, Attributes=attributes, ReturnSubscriptionArn=True)
    return Made(made["SubscriptionArn"], {"Arn": made["SubscriptionArn"]})


def _unsubscribe(context: Context, arn: str, _properties: Json) -> None:
    context.try_call("sns", "unsubscribe", ("NotFound",), SubscriptionArn=arn)


TYPES = [
    ResourceType(
        "AWS::SQS::Queue", _create_queue, _update_queue, _delete_queue, fixed=frozenset({"QueueName", "FifoQueue"})
    ),
    ResourceType("AWS::SQS::QueuePolicy", _put_queue_policy, _update_queue_policy, _delete_queue_policy),
    ResourceType(
        "AWS::SNS::Topic",
        _create_topic,
        _update_topic,
        _delete_topic,
        fixed=frozenset({"TopicName", "FifoTopic", "Subscription"}),
        lasting=frozenset({"Tags"}),
    ),
    ResourceType("AWS::SNS::TopicPolicy", _put_topic_policy, _update_topic_policy),
    ResourceType("AWS::SNS::Subscription", _subscribe, delete=_unsubscribe),
]
