"""Once per account: where the job image lies, and who may deploy from a repository, without a key that could leak."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_ecr as ecr
import aws_cdk.aws_iam as iam
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.constructs.reader import ACCOUNT_PATTERN
from infra.permissions.roles import JOB_REPOSITORY, PULL
from rightpack.layout import PROJECT

NAME: Final = f"{PROJECT}-delivery"
ISSUER: Final = "token.actions.githubusercontent.com"
BOOTSTRAP: Final = ("deploy", "file-publishing", "image-publishing", "lookup")
WILDCARDS: Final = {
    "AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iam::<AWS::AccountId>:role/cdk-*-"
    f"{role}-role-<AWS::AccountId>-<AWS::Region>]": "The wildcard is the qualifier of CDK's bootstrap roles."
    for role in BOOTSTRAP
}
# What `rightpack doctor` looks at after a deployment; nothing here changes anything or reads data.
LOOKED_AT: Final = (
    "cloudformation:DescribeStacks",
    "dynamodb:DescribeTable",
    "ecr:DescribeImages",
    "events:DescribeRule",
    "iam:GetRole",
    "iam:SimulatePrincipalPolicy",
    "lambda:ListEventSourceMappings",
    "redshift-serverless:GetNamespace",
    "redshift-serverless:GetWorkgroup",
    "s3:GetBucketNotification",
    "s3:ListAllMyBuckets",
    "s3:ListBucket",
    "sagemaker:DescribeModelPackageGroup",
    "sagemaker:DescribePipeline",
    "servicequotas:ListServiceQuotas",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
)
# What `rightpack migrate` calls; in the database, grants to the role's own user decide what it may do.
MIGRATES: Final = (
    "redshift-data:BatchExecuteStatement",
    "redshift-data:DescribeStatement",
    "redshift-data:ExecuteStatement",
    "redshift-data:GetStatementResult",
    "redshift-serverless:GetCredentials",
)
EVERYWHERE: Final = {
    "AwsSolutions::AwsSolutions-IAM5[Resource::*]": "A token of the registry has no resource; the doctor looks for "
    "things that may not be there, and changes none; workgroups and statements have ids unknown before they exist."
}


class DeliveryStack(cdk.Stack):
    """A repository of images and a federated role; the parameters say whose commits it trusts."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(
            scope,
            NAME,
            stack_name=NAME,
            description="rightpack: repository of the job image, and the role that deploys commits",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            termination_protection=True,
        )
        repository = self._repository()
        self._role(repository)

    def _repository(self) -> ecr.Repository:
        repository = ecr.Repository(
            self,
            "Jobs",
            repository_name=JOB_REPOSITORY,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,  # running pipelines and registered models name its images
        )
        resource = repository.node.default_child
        assert isinstance(resource, ecr.CfnRepository)  # noqa: S101 - what every Repository is made of; tells mypy
        resource.repository_policy_text = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "OtherStagesPull",
                    "Effect": "Allow",
                    "Principal": {"AWS": self._readers()},
                    "Action": [*PULL, "ecr:DescribeImages"],
                }
            ],
        }
        return repository

    def _readers(self) -> cdk.IResolvable:
        """Accounts that run images of this one; none given is this one alone, which changes nothing."""
        given = cdk.CfnParameter(
            self,
            "ReaderAccounts",
            type="CommaDelimitedList",
            default="",
            allowed_pattern=ACCOUNT_PATTERN,
            description="Accounts of other stages, whose jobs pull images from here; empty if there are none.",
        )
        some = cdk.Fn.condition_not(cdk.Fn.condition_equals(cdk.Fn.join("", given.value_as_list), ""))
        condition = cdk.CfnCondition(self, "ReadersGiven", expression=some)
        return cdk.Fn.condition_if(condition.logical_id, given.value_as_list, [cdk.Aws.ACCOUNT_ID])

    def _role(self, repository: ecr.Repository) -> None:
        trusted = self._parameter("Repository", r"[\w.-]+/[\w.-]+", "owner/name on GitHub whose workflow deploys.")
        environment = self._parameter(
            "Environment", r"[\w-]+", "GitHub environment of this account's stage; its reviewers approve deployments."
        )
        provider = iam.CfnOIDCProvider(self, "GitHub", url=f"https://{ISSUER}", client_id_list=["sts.amazonaws.com"])
        role = iam.Role(
            self,
            "Deploy",
            role_name=f"{PROJECT}-deploy",
            max_session_duration=cdk.Duration.hours(1),
            assumed_by=iam.FederatedPrincipal(
                provider.attr_arn,
                {
                    "StringEquals": {
                        f"{ISSUER}:aud": "sts.amazonaws.com",
                        f"{ISSUER}:sub": f"repo:{trusted}:environment:{environment}",
                    }
                },
                "sts:AssumeRoleWithWebIdentity",
            ),
            inline_policies={"permissions": iam.PolicyDocument(statements=_statements(repository))},
        )
        acknowledge(role, WILDCARDS | EVERYWHERE)

    def _parameter(self, name: str, pattern: str, description: str) -> str:
        return cdk.CfnParameter(self, name, allowed_pattern=pattern, description=description).value_as_string


def _statements(repository: ecr.Repository) -> list[iam.PolicyStatement]:
    """Becoming CDK's bootstrap roles, which may deploy, and pushing the image."""
    account = f"arn:{cdk.Aws.PARTITION}:iam::{cdk.Aws.ACCOUNT_ID}:role"
    roles = [f"{account}/cdk-*-{role}-role-{cdk.Aws.ACCOUNT_ID}-{cdk.Aws.REGION}" for role in BOOTSTRAP]
    push = ("ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")
    read = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages")
    return [
        iam.PolicyStatement(sid="DeployAsCdk", actions=["sts:AssumeRole"], resources=roles),
        iam.PolicyStatement(sid="LogInToRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
        iam.PolicyStatement(sid="LookAsTheDoctor", actions=list(LOOKED_AT), resources=["*"]),
        iam.PolicyStatement(sid="Migrate", actions=list(MIGRATES), resources=["*"]),
        iam.PolicyStatement(sid="PushImage", actions=[*push, *read], resources=[repository.repository_arn]),
    ]
