"""The groups that models are registered to, and who else may read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
import aws_cdk.aws_sagemaker as sagemaker
from constructs import Construct

from infra.arns import Arns
from infra.constructs.reader import Reader
from rightpack.packaging import EVERY_TYPE
from rightpack.topic_model import GROUP as TOPIC_MODELS


class ModelGroups(Construct):
    """One group per trained package type and one of topic models.

    They are kept when the stack is deleted, for inference runs on what is in them.
    """

    def __init__(
        self,
        scope: Construct,
        name_in_stack: str,
        *,
        arns: Arns,
        package_types: Sequence[str],
        reader: Reader | None,
    ) -> None:
        super().__init__(scope, name_in_stack)
        for package_type in package_types:
            name = arns.layout.model_group(package_type)
            group = sagemaker.CfnModelPackageGroup(
                self,
                package_type,
                model_package_group_name=name,
                model_package_group_description=_purpose(package_type),
                model_package_group_policy=_policy(arns, name, reader) if reader else None,
            )
            group.apply_removal_policy(cdk.RemovalPolicy.RETAIN)


def _policy(arns: Arns, group: str, reader: Reader) -> dict[str, Any]:
    """What the next stage's account needs to find and read a version; it can change nothing."""
    allowed = {
        "ReadGroup": (["sagemaker:DescribeModelPackageGroup"], f"model-package-group/{group}"),
        "ReadVersions": (
            ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            f"model-package/{group}/*",
        ),
    }
    statements = [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"AWS": reader.principal},
            "Action": actions,
            "Resource": arns.arn("sagemaker", resource),
        }
        for sid, (actions, resource) in allowed.items()
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _purpose(target: str) -> str:
    if target == EVERY_TYPE:
        return "Models of how often products are damaged in each package type."
    if target == TOPIC_MODELS:
        return "Topic models of product texts, whose topics the other models see."
    return f"Models that tell whether {target} suits a product."
