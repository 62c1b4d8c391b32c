"""A bucket that only its own account reads, over TLS, and that forgets nothing by accident."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_kms as kms
import aws_cdk.aws_s3 as s3
from constructs import Construct

RESTORE_DAYS: Final = 90  # how long an overwritten or deleted object can be had back
YEAR_AND_A_MONTH: Final = 400  # a week of last year can still be run again and compared


class PrivateBucket(s3.Bucket):
    """Versioned, encrypted, closed to the public, kept when its stack is deleted.

    Args:
        name: of the bucket.
        key: what its objects are encrypted with.
        expiring: key prefixes whose objects expire after a year and a month; everything else stays.
        announces: whether every change in it is an event on the default bus.
    """

    def __init__(
        self,
        scope: Construct,
        name_in_stack: str,
        *,
        name: str,
        key: kms.IKey,
        expiring: Sequence[str],
        announces: bool = False,
    ) -> None:
        super().__init__(
            scope,
            name_in_stack,
            bucket_name=name,
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,  # one call of KMS for many objects
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
            lifecycle_rules=[_leftovers(), *(_expiry(prefix) for prefix in expiring)],
        )
        if announces:
            self._announce()

    def _announce(self) -> None:
        # On the resource itself: `event_bridge_enabled` would add a Lambda function with a managed policy.
        resource = self.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - what every Bucket is made of; tells mypy
        configuration = s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=configuration
        )


def _leftovers() -> s3.LifecycleRule:
    """Parts of uploads that never ended (a failed transform leaves some), and what was overwritten or deleted."""
    return s3.LifecycleRule(
        id="leftovers",
        abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
        noncurrent_version_expiration=cdk.Duration.days(RESTORE_DAYS),
    )


def _expiry(prefix: str) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id=f"expire-{prefix.strip('/').replace('/', '-')}",
        prefix=prefix,
        expiration=cdk.Duration.days(YEAR_AND_A_MONTH),
    )
