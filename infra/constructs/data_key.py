"""The key of the stage's buckets."""

from __future__ import annotations

import aws_cdk as cdk
import aws_cdk.aws_iam as iam
import aws_cdk.aws_kms as kms
from constructs import Construct

from infra.constructs.reader import Reader


class DataKey(kms.Key):
    """A key that works for whoever S3 lets in, as S3's own does, and that can be shared with another account.

    No role needs an action of KMS: what S3 allows decides, and a key that is used in any other way refuses.
    """

    def __init__(self, scope: Construct, name_in_stack: str, *, alias: str, reader: Reader | None) -> None:
        super().__init__(
            scope,
            name_in_stack,
            alias=alias,
            description="Objects in the buckets of rightpack.",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="WhoeverS3LetsIn",
                principals=[iam.AnyPrincipal()],
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                resources=["*"],  # in a key's policy: the key itself
                conditions=_through_s3({"kms:CallerAccount": cdk.Aws.ACCOUNT_ID}),
            )
        )
        if reader:
            self.add_to_resource_policy(reader.may("kms:Decrypt", on="*", when=_through_s3({})))


def _through_s3(also: dict[str, str]) -> dict[str, dict[str, str]]:
    return {"StringEquals": {"kms:ViaService": f"s3.{cdk.Aws.REGION}.amazonaws.com", **also}}
