"""The topic through which people are told."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_iam as iam
import aws_cdk.aws_sns as sns
from constructs import Construct

PUBLISHERS: Final = {"cloudwatch.amazonaws.com": "AlarmsPublish", "events.amazonaws.com": "RulesPublish"}


class NoticeTopic(sns.Topic):
    """Notices and alarms of a stage, sent to one e-mail address; others subscribe by themselves.

    A topic policy replaces the default one, so services that publish must be allowed by name: without that, alarms
    are dropped in silence. For the same reason the topic has no key of its own: CloudWatch could not use it.
    """

    def __init__(self, scope: Construct, name_in_stack: str, *, name: str, email: str) -> None:
        super().__init__(scope, name_in_stack, topic_name=name, enforce_ssl=True)
        for service, sid in PUBLISHERS.items():
            self.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(service)],
                    actions=["sns:Publish"],
                    resources=[self.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
                )
            )
        sns.Subscription(self, "Team", topic=self, protocol=sns.SubscriptionProtocol.EMAIL, endpoint=email)

    def tell_webhook(self, address: str) -> None:
        """Send notices to an address as well, unless it is empty when the stack is deployed."""
        given = cdk.CfnCondition(
            self, "WebhookGiven", expression=cdk.Fn.condition_not(cdk.Fn.condition_equals(address, ""))
        )
        webhook = sns.CfnSubscription(self, "Webhook", topic_arn=self.topic_arn, protocol="https", endpoint=address)
        webhook.cfn_options.condition = given
