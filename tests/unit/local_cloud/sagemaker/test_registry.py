"""Model package groups and versions."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, IMAGE, ROLE, Client, FakeHost

GROUP = "toy-models"
URL = f"s3://{BUCKET}/model.tar.gz"


@pytest.fixture
def registry(client: Client, host: FakeHost) -> Client:
    host.objects.write(BUCKET, "model.tar.gz", b"anything")
    client("CreateModelPackageGroup", ModelPackageGroupName=GROUP, Tags=[{"Key": "a", "Value": "b"}])
    return client


def register(client: Client, status: str | None = None, **members: Any) -> str:
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": URL, "Environment": {"A": "package"}}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    extra = {} if status is None else {"ModelApprovalStatus": status}
    request = {"ModelPackageGroupName": GROUP, "InferenceSpecification": specification, **extra, **members}
    return str(client("CreateModelPackage", **request)["ModelPackageArn"])


def versions(client: Client, **request: Any) -> list[int]:
    listed = client("ListModelPackages", ModelPackageGroupName=GROUP, **request)["ModelPackageSummaryList"]
    return [item["ModelPackageVersion"] for item in listed]


class TestGroups:
    def test_a_group_is_described_and_listed(self, registry: Client) -> None:
        described = registry("DescribeModelPackageGroup", ModelPackageGroupName=GROUP)

        assert described["ModelPackageGroupStatus"] == "Completed"
        by_arn = registry("DescribeModelPackageGroup", ModelPackageGroupName=described["ModelPackageGroupArn"])
        assert by_arn == described
        listed = registry("ListModelPackageGroups", NameContains="toy")["ModelPackageGroupSummaryList"]
        assert [item["ModelPackageGroupName"] for item in listed] == [GROUP]
        tags = registry("ListTags", ResourceArn=described["ModelPackageGroupArn"])["Tags"]
        assert tags == [{"Key": "a", "Value": "b"}]

    def test_a_second_one_of_the_name_is_refused(self, registry: Client) -> None:
        with pytest.raises(AwsError, match="Model Package Group already exists") as refused:
            registry("CreateModelPackageGroup", ModelPackageGroupName=GROUP)
        assert refused.value.code == "ValidationException"

    def test_names_take_no_underscore(self, client: Client) -> None:
        with pytest.raises(AwsError, match="regular expression pattern"):
            client("CreateModelPackageGroup", ModelPackageGroupName="toy_models")

    def test_only_an_empty_group_can_be_deleted(self, registry: Client) -> None:
        arn = register(registry)

        with pytest.raises(AwsError, match="it still has 1 packages") as refused:
            registry("DeleteModelPackageGroup", ModelPackageGroupName=GROUP)
        assert refused.value.code == "ConflictException"

        registry("DeleteModelPackage", ModelPackageName=arn)
        registry("DeleteModelPackageGroup", ModelPackageGroupName=GROUP)
        with pytest.raises(AwsError, match="does not exist"):
            registry("DescribeModelPackageGroup", ModelPackageGroupName=GROUP)


class TestRegistering:
    def test_versions_count_up_and_are_never_used_twice(self, registry: Client) -> None:
        arns = [register(registry) for _ in range(2)]
        registry("DeleteModelPackage", ModelPackageName=arns[1])

        assert register(registry).endswith(f"model-package/{GROUP}/3")
        assert versions(registry) == [1, 3]

    def test_everything_registered_is_described(self, registry: Client) -> None:
        metadata = {"run-id": "r 1", "reason": "auc=0.9"}
        quality = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": URL}}}

        arn = register(registry, "Rejected", CustomerMetadataProperties=metadata, ModelMetrics=quality)

        described = registry("DescribeModelPackage", ModelPackageName=arn)
        assert described["ModelApprovalStatus"] == "Rejected"
        assert described["ModelPackageStatus"] == "Completed"
        assert described["CustomerMetadataProperties"] == metadata
        assert described["ModelMetrics"] == quality
        assert described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == URL

    def test_who_decides_nothing_leaves_it_pending(self, registry: Client) -> None:
        described = registry("DescribeModelPackage", ModelPackageName=register(registry))

        assert described["ModelApprovalStatus"] == "PendingManualApproval"

    def test_the_same_client_token_registers_once(self, registry: Client) -> None:
        assert register(registry, ClientToken="a") == register(registry, ClientToken="a")
        assert versions(registry) == [1]

    def test_a_package_needs_its_group_and_its_archive(self, registry: Client) -> None:
        with pytest.raises(AwsError, match=r"model-package-group/other does not exist"):
            register(registry, ModelPackageGroupName="other")
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/gone.tar.gz"}
        specification = {"Containers": [container]}
        with pytest.raises(AwsError, match=r"Could not access model data at s3://toy-bucket/gone.tar.gz"):
            register(registry, InferenceSpecification=specification)
        assert versions(registry) == []

    def test_unversioned_packages_are_refused(self, client: Client) -> None:
        with pytest.raises(NotSimulatedError, match="unversioned model packages"):
            client("CreateModelPackage", ModelPackageName="alone")


class TestListing:
    def test_oldest_first_by_default_and_newest_on_demand(self, registry: Client) -> None:
        for _ in range(3):
            register(registry)

        assert versions(registry) == [1, 2, 3]
        assert versions(registry, SortBy="CreationTime", SortOrder="Descending", MaxResults=1) == [3]

    def test_filters_come_before_pages(self, registry: Client) -> None:
        for status in ("Approved", "Rejected", "Approved", "Approved"):
            register(registry, status)

        first = registry("ListModelPackages", ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved", MaxResults=2)
        rest = registry(
            "ListModelPackages",
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus="Approved",
            MaxResults=2,
            NextToken=first["NextToken"],
        )

        pages = [[item["ModelPackageVersion"] for item in page["ModelPackageSummaryList"]] for page in (first, rest)]
        assert pages == [[1, 3], [4]]
        assert "NextToken" not in rest

    def test_without_a_group_only_asking_for_versions_finds_them(self, registry: Client) -> None:
        register(registry)

        assert registry("ListModelPackages")["ModelPackageSummaryList"] == []
        assert len(registry("ListModelPackages", ModelPackageType="Versioned")["ModelPackageSummaryList"]) == 1

    def test_a_broken_token_is_refused(self, registry: Client) -> None:
        with pytest.raises(AwsError, match="Invalid NextToken"):
            registry("ListModelPackages", NextToken="nonsense")


class TestUpdating:
    def test_an_approval_keeps_everything_else(self, registry: Client, host: FakeHost) -> None:
        arn = register(registry, "Rejected", CustomerMetadataProperties={"a": "1"})

        registry(
            "UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="by hand"
        )

        described = registry("DescribeModelPackage", ModelPackageName=arn)
        assert described["ModelApprovalStatus"] == "Approved"
        assert described["ApprovalDescription"] == "by hand"
        assert described["CustomerMetadataProperties"] == {"a": "1"}
        assert described["LastModifiedTime"] >= described["CreationTime"]
        registry.service._events.drain()
        changes = host.statuses("SageMaker Model Package State Change", "ModelApprovalStatus")
        assert changes == ["Rejected", "Approved"]

    def test_metadata_is_merged_and_removed_by_key(self, registry: Client) -> None:
        arn = register(registry, "Approved", CustomerMetadataProperties={"a": "1", "b": "2"})

        registry(
            "UpdateModelPackage",
            ModelPackageArn=arn,
            CustomerMetadataProperties={"b": "3", "c": "4"},
            CustomerMetadataPropertiesToRemove=["a"],
        )

        described = registry("DescribeModelPackage", ModelPackageName=arn)
        assert described["CustomerMetadataProperties"] == {"b": "3", "c": "4"}
        assert described["ModelApprovalStatus"] == "Approved"

    def test_more_metadata_than_allowed_changes_nothing(self, registry: Client) -> None:
        arn = register(registry, "Approved", CustomerMetadataProperties={f"k{n}": "1" for n in range(50)})

        with pytest.raises(AwsError, match="50 CustomerMetadataProperties, not 51"):
            registry(
                "UpdateModelPackage",
                ModelPackageArn=arn,
                ModelApprovalStatus="Rejected",
                CustomerMetadataProperties={"one": "more"},
            )
        assert registry("DescribeModelPackage", ModelPackageName=arn)["ModelApprovalStatus"] == "Approved"

    def test_many_are_described_at_once_and_absent_ones_reported(self, registry: Client) -> None:
        arn = register(registry)
        absent = arn.replace("/1", "/9")

        answer = registry("BatchDescribeModelPackage", ModelPackageArnList=[arn, absent])

        assert list(answer["ModelPackageSummaries"]) == [arn]
        assert list(answer["BatchDescribeModelPackageErrorMap"]) == [absent]


class TestDeploying:
    def create(self, client: Client, arn: str) -> None:
        container = {"ModelPackageName": arn, "Environment": {"B": "model"}}
        client("CreateModel", ModelName="toy", ExecutionRoleArn=ROLE, PrimaryContainer=container)

    def test_an_approved_package_becomes_a_model_with_its_containers(self, registry: Client) -> None:
        self.create(registry, register(registry, "Approved"))

        served = registry.service._models.served("toy")
        assert served.data_url == URL
        assert served.environment == {"A": "package", "B": "model"}

    @pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
    def test_any_other_package_is_refused(self, registry: Client, status: str) -> None:
        with pytest.raises(AwsError, match=f"its ModelApprovalStatus is {status}, and must be Approved"):
            self.create(registry, register(registry, status))
