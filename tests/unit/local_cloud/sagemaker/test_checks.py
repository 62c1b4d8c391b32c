"""QualityCheck and ClarifyCheck steps: baselines, drift and what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.sagemaker.checks import CHECK_TYPES
from local_cloud.wire import AwsError
from tests.unit.local_cloud.sagemaker.fakes import (
    BUCKET,
    IMAGE,
    Client,
    FakeHost,
    definition,
    output,
    outputs,
    processing,
    step,
)

OUT = f"s3://{BUCKET}/check"
OLD = f"s3://{BUCKET}/old"
FIRST = {"SkipCheck": True, "RegisterNewBaseline": True}
SUPPLIED = {
    "SuppliedBaselineStatistics": f"{OLD}/statistics.json",
    "SuppliedBaselineConstraints": f"{OLD}/constraints.json",
}
# A check that calculates the words of the request, and drifts when the environment names a baseline other than it.
CODE = """o=r+'/processing/output/out/'
e=os.environ
[open(o+n,'w').write('"new"') for n in ('statistics.json','constraints.json','analysis.json')]
old=e.get('baseline_constraints','')
bad=old and open(old.replace('/opt/ml',r)).read() != '"new"'
v=[{'feature_name':'price','constraint_check_type':'baseline_drift_check','description':'moved'}]
bad and open(o+'constraint_violations.json','w').write(json.dumps({'violations':v}))"""


def check(kind: str = "QualityCheck", check_type: str = "DATA_QUALITY", code: str = CODE, **members: Any) -> Any:
    arguments = processing("import json\n" + code, ProcessingOutputConfig=outputs(output("out", OUT)))
    return step("Check", arguments, kind, CheckType=check_type, **members)


def say(name: str) -> dict[str, Any]:
    return step("Say", {"ErrorMessage": {"Get": f"Steps.Check.{name}"}}, "Fail")


def old_baseline(host: FakeHost, text: str) -> None:
    for name in ("statistics.json", "constraints.json"):
        host.objects.write(BUCKET, f"old/{name}", json.dumps(text).encode())


def approved_package(client: Client, baselines: dict[str, Any]) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    client.service._host.objects.write(BUCKET, "model.tar.gz", b"")
    client("CreateModelPackageGroup", ModelPackageGroupName="toys")
    client(
        "CreateModelPackage",
        ModelPackageGroupName="toys",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/plain"],
            "SupportedResponseMIMETypes": ["text/plain"],
        },
        DriftCheckBaselines=baselines,
    )


def s3(uri: str) -> dict[str, str]:
    return {"S3Uri": uri, "ContentType": "application/json"}


class TestFirstRun:
    def test_skipping_and_registering_makes_the_new_baseline_the_one_in_use(self, client: Client) -> None:
        client.create([check(**FIRST), say("BaselineUsedForDriftCheckConstraints")])

        _, steps = client.run()

        assert steps["Say"]["FailureReason"] == f"{OUT}/constraints.json"
        shown = steps["Check"]["Metadata"]["QualityCheck"]
        assert shown.pop("CheckJobArn").rpartition("/")[0].endswith("processing-job")
        assert shown == {
            "CheckType": "DATA_QUALITY",
            "SkipCheck": True,
            "RegisterNewBaseline": True,
            "CalculatedBaselineStatistics": f"{OUT}/statistics.json",
            "CalculatedBaselineConstraints": f"{OUT}/constraints.json",
            "BaselineUsedForDriftCheckStatistics": f"{OUT}/statistics.json",
            "BaselineUsedForDriftCheckConstraints": f"{OUT}/constraints.json",
        }

    @pytest.mark.parametrize("members", [{}, {"SkipCheck": True}, {"RegisterNewBaseline": True}])
    def test_anything_else_needs_a_previous_baseline(self, client: Client, members: dict[str, bool]) -> None:
        client.create([check(**members)])

        status, steps = client.run()

        assert status == "Failed"
        assert "No previous baseline statistics and constraints for DATA_QUALITY" in steps["Check"]["FailureReason"]

    def test_a_job_that_leaves_no_baseline_fails_the_step(self, client: Client) -> None:
        client.create([check(code="pass", **FIRST)])

        _, steps = client.run()

        assert steps["Check"]["FailureReason"].endswith(f"wrote no baseline statistics to {OUT}/statistics.json.")


class TestDrift:
    def test_no_drift_passes_and_keeps_the_old_baseline_in_use(self, client: Client, host: FakeHost) -> None:
        old_baseline(host, "new")
        host.objects.write(BUCKET, "check/constraint_violations.json", b'{"violations": [{}]}')
        client.create([check(**SUPPLIED), say("BaselineUsedForDriftCheckStatistics")])

        _, steps = client.run()

        assert steps["Check"]["StepStatus"] == "Succeeded", "the report of an earlier run is not this one's"
        assert "ViolationReport" not in steps["Check"]["Metadata"]["QualityCheck"]
        assert steps["Say"]["FailureReason"] == f"{OLD}/statistics.json"

    def test_drift_fails_the_step_and_names_the_report(self, client: Client, host: FakeHost) -> None:
        old_baseline(host, "old")
        client.create([check(**SUPPLIED)])

        status, steps = client.run()

        assert status == "Failed"
        assert "DATA_QUALITY check found 1 violations" in steps["Check"]["FailureReason"]
        report = steps["Check"]["Metadata"]["QualityCheck"]["ViolationReport"]
        assert report == f"{OUT}/constraint_violations.json"
        assert json.loads(host.objects.text("check/constraint_violations.json"))["violations"][0]["feature_name"]

    @pytest.mark.parametrize("members", [{"FailOnViolation": False}, {"SkipCheck": True}])
    def test_drift_may_be_tolerated_or_not_looked_for(
        self, client: Client, host: FakeHost, members: dict[str, bool]
    ) -> None:
        old_baseline(host, "old")
        client.create([check(**SUPPLIED, **members)])

        status, steps = client.run()

        assert status == "Succeeded"
        assert ("ViolationReport" in steps["Check"]["Metadata"]["QualityCheck"]) is ("FailOnViolation" in members)

    def test_the_switches_may_be_parameters(self, client: Client, host: FakeHost) -> None:
        old_baseline(host, "old")
        tolerant = {"FailOnViolation": {"Get": "Parameters.Strict"}}
        strict = [{"Name": "Strict", "Type": "Boolean", "DefaultValue": True}]
        client.create([check(**SUPPLIED, **tolerant)], Parameters=strict)

        assert client.run()[0] == "Failed"
        assert client.run(Strict="False")[0] == "Succeeded"


class TestRegisteredBaseline:
    def test_the_latest_approved_package_gives_the_baseline(self, client: Client, host: FakeHost) -> None:
        old_baseline(host, "old")
        uris = {"Statistics": s3(f"{OLD}/statistics.json"), "Constraints": s3(f"{OLD}/constraints.json")}
        approved_package(client, {"ModelDataQuality": uris})
        client.create([check(ModelPackageGroupName="toys"), say("CalculatedBaselineConstraints")])

        status, steps = client.run()

        assert status == "Failed"
        assert steps["Check"]["Metadata"]["QualityCheck"]["ModelPackageGroupName"] == "toys"
        assert "check found 1 violations" in steps["Check"]["FailureReason"]

    def test_a_clarify_check_has_constraints_only(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "old/analysis.json", b'"new"')
        approved_package(client, {"Bias": {"PostTrainingConstraints": s3(f"{OLD}/analysis.json")}})
        bias = check("ClarifyCheck", "MODEL_BIAS", ModelPackageGroupName="toys")
        client.create([bias, say("BaselineUsedForDriftCheckConstraints")])

        _, steps = client.run()

        assert steps["Say"]["FailureReason"] == f"{OLD}/analysis.json"
        shown = steps["Check"]["Metadata"]["ClarifyCheck"]
        assert shown["CalculatedBaselineConstraints"] == f"{OUT}/analysis.json"
        assert not any("Statistics" in name for name in shown)


class TestDefinition:
    @pytest.mark.parametrize("kind", CHECK_TYPES)
    def test_an_unknown_check_type_is_refused(self, client: Client, kind: str) -> None:
        with pytest.raises(AwsError, match="the CheckType 'OTHER' is not one of"):
            client.create([check(kind, "OTHER")])

    def test_a_check_writes_to_one_place(self, client: Client) -> None:
        with pytest.raises(AwsError, match="has exactly one processing output"):
            client.create([step("Check", processing("pass"), "QualityCheck", CheckType="DATA_QUALITY")])

    def test_a_cached_check_depends_on_its_switches(self, client: Client, host: FakeHost) -> None:
        old_baseline(host, "new")
        cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}, **SUPPLIED}
        client.create([check(**cached)])
        client.run()
        _, same = client.run()
        changed = definition([check(**cached, RegisterNewBaseline=True)])
        client("UpdatePipeline", PipelineName="toy", PipelineDefinition=changed)
        _, other = client.run()

        assert "CacheHitResult" in same["Check"]
        assert "CacheHitResult" not in other["Check"]
