"""The committed definitions are the pipelines that the house plan describes."""

from __future__ import annotations

import re

import pytest

from pipelines.checker.caching import compared, is_cached
from pipelines.checker.document import read
from pipelines.checker.graph import edges
from pipelines.checker.references import gets
from pipelines.placeholders import MARK, Placeholder
from pipelines.render import DEFINITIONS
from rightpack.registry import Outcome
from tests.unit.pipelines.committed import NAMES, Json, arguments, definition, steps, strings

REGISTER = {"Evaluate", "Train", "Prepare"}
GRAPH = {
    "training": {
        "Prepare": set(),
        "Train": {"Prepare"},
        "CreateCandidate": {"Train"},
        "ScoreValidation": {"CreateCandidate", "Prepare"},
        "Evaluate": {"Prepare", "Train", "CreateCandidate", "ScoreValidation"},
        "Verdict": {"Evaluate"},
        "VerdictRejected": {"Evaluate"},
        "VerdictHeld": {"Evaluate"},
        "RegisterApproved": {"Verdict"} | REGISTER,
        "RegisterRejected": {"VerdictRejected"} | REGISTER,
        "RegisterHeld": {"VerdictHeld"} | REGISTER,
    },
    "inference": {
        "Prepare": set(),
        "Bundle": set(),
        "CreateBundleModel": {"Bundle"},
        "Score": {"CreateBundleModel", "Prepare"},
        "Recommend": {"Prepare", "Bundle", "Score"},
        "Load": {"Recommend", "Monitor"},
        "Monitor": {"Prepare", "Bundle"},
    },
}
PARAMETERS = {
    "training": [
        "RunId",
        "BusinessDate",
        "PackageType",
        "DataUri",
        "ManifestUri",
        "ConfigUri",
        "ModelPackageGroupName",
    ],
    "inference": ["RunId", "BusinessDate", "Mode", "DataUri", "ManifestUri", "ConfigUri"],
}
# module, inputs, outputs, options
PROCESSING = {
    ("training", "Prepare"): (
        "prepare",
        ["data", "config"],
        ["train", "validation", "labels", "profile"],
        ["--data-uri", "--manifest-uri", "--package-type", "--business-date"],
    ),
    ("training", "Evaluate"): (
        "evaluate",
        ["validation", "labels", "profile", "scores", "model", "config"],
        ["evaluation"],
        ["--package-type", "--business-date", "--group", "--candidate", "--standing"],
    ),
    ("inference", "Prepare"): (
        "prepare_inference",
        ["data", "config"],
        ["features", "profile"],
        ["--data-uri", "--manifest-uri", "--business-date"],
    ),
    ("inference", "Bundle"): ("bundle", ["config"], ["bundle"], []),
    ("inference", "Recommend"): (
        "recommend",
        ["features", "scores", "bundle", "profile", "config"],
        ["predictions", "recommendations", "report"],
        [],
    ),
    ("inference", "Load"): (
        "load",
        ["report", "config"],
        ["load"],
        ["--run-id", "--business-date", "--predictions-manifest", "--recommendations-manifest"],
    ),
    ("inference", "Monitor"): (
        "monitor",
        ["profile", "bundle", "config"],
        ["drift"],
        ["--run-id", "--business-date", "--mode"],
    ),
}
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "${AWS::Region}",
    "RIGHTPACK_ACCOUNT": "${AWS::AccountId}",
    "RIGHTPACK_STAGE": "${Stage}",
}


def all_steps() -> list[tuple[str, str, Json]]:
    return [(name, step, body) for name in NAMES for step, body in steps(definition(name)).items()]


def of_type(*types: str) -> list[tuple[str, str, Json]]:
    return [item for item in all_steps() if item[2]["Type"] in types]


@pytest.mark.parametrize("name", NAMES)
def test_steps_run_in_the_order_of_the_plan(name: str) -> None:
    document, problems = read(definition(name))
    assert problems == []
    assert edges(document) == GRAPH[name]


def test_order_comes_from_references_but_where_a_step_can_only_forbid() -> None:
    assert {step: body["DependsOn"] for _, step, body in all_steps() if "DependsOn" in body} == {"Load": ["Monitor"]}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_start_must_give_has_no_default_and_instances_have_one(name: str) -> None:
    declared = {p["Name"]: p for p in definition(name)["Parameters"]}
    assert {p["Type"] for key, p in declared.items() if not key.endswith("InstanceCount")} == {"String"}
    assert [key for key, p in declared.items() if "DefaultValue" not in p] == PARAMETERS[name]
    assert all(key.endswith(("InstanceType", "InstanceCount")) for key, p in declared.items() if "DefaultValue" in p)


@pytest.mark.parametrize("name", NAMES)
def test_only_placeholders_that_the_infrastructure_fills_in_are_left(name: str) -> None:
    text = (DEFINITIONS / f"{name}.json").read_text()
    known = {placeholder.value for placeholder in Placeholder}
    assert set(re.findall(r"\$\{([^}]*)\}", text)) <= known
    assert text.count("${") == len(re.findall(r"\$\{[^}]*\}", text))
    assert MARK not in text
    assert "000000000000" not in text


@pytest.mark.parametrize("name", NAMES)
def test_no_experiment_is_created(name: str) -> None:
    assert set(definition(name)) == {"Version", "Metadata", "Parameters", "Steps"}


@pytest.mark.parametrize(("name", "step"), PROCESSING)
def test_a_processing_step_starts_its_module_with_its_channels_and_options(name: str, step: str) -> None:
    module, inputs, outputs, options = PROCESSING[name, step]
    job = arguments(definition(name), step)
    application = job["AppSpecification"]
    assert application["ContainerEntrypoint"] == ["python", "-m", f"processing.{module}"]
    assert application.get("ContainerArguments", [])[::2] == options
    given = {item["InputName"]: item["S3Input"]["LocalPath"] for item in job["ProcessingInputs"]}
    made = {item["OutputName"]: item["S3Output"]["LocalPath"] for item in job["ProcessingOutputConfig"]["Outputs"]}
    assert given == {item: f"/opt/ml/processing/input/{item}" for item in inputs}
    assert made == {item: f"/opt/ml/processing/output/{item}" for item in outputs}


def test_the_table_above_names_every_processing_step() -> None:
    assert {(name, step) for name, step, _ in of_type("Processing")} == set(PROCESSING)


def test_every_output_lies_below_its_own_execution_and_step() -> None:
    for name, step, body in of_type("Processing"):
        for output in body["Arguments"]["ProcessingOutputConfig"]["Outputs"]:
            values = output["S3Output"]["S3Uri"]["Std:Join"]["Values"]
            assert values[:2] == [f"s3://${{ArtefactBucket}}/runs/{name}", {"Get": "Execution.PipelineExecutionId"}]
            assert values[2] == f"{step.lower()}/{output['OutputName']}"


def test_every_job_knows_its_stage_account_and_region_and_ends_some_day() -> None:
    for _, _, body in of_type("Processing", "Training"):
        assert ENVIRONMENT.items() <= body["Arguments"]["Environment"].items()
        assert body["Arguments"]["StoppingCondition"]["MaxRuntimeInSeconds"] <= 7200


def test_every_job_of_training_is_cached_for_thirty_days_and_of_inference_only_prepare() -> None:
    cached = [(name, step) for name, step, body in all_steps() if "CacheConfig" in body]
    jobs = [(name, step) for name, step, _ in of_type("Processing", "Training", "Transform") if name == "training"]
    assert cached == [*jobs, ("inference", "Prepare")]
    for _, _, body in all_steps():
        assert body.get("CacheConfig", {}) in ({}, {"Enabled": True, "ExpireAfter": "P30D"})


@pytest.mark.parametrize("name", NAMES)
def test_no_cached_step_sees_the_run_id_nor_compares_anything_of_the_execution(name: str) -> None:
    document, _ = read(definition(name))
    for step in filter(is_cached, document.steps):
        assert "Parameters.RunId" not in set(gets(step.arguments))
        assert not [get for get in gets(compared(step)) if get.startswith("Execution.")]


def test_every_step_that_starts_a_machine_waits_hours_for_capacity() -> None:
    for _, _, body in of_type("Processing", "Training", "Transform"):
        waits = [p for p in body["RetryPolicies"] if "SageMaker.CAPACITY_ERROR" in p["ExceptionType"]]
        assert [p["ExpireAfterMin"] for p in waits] == [360]
        covered = {exception for policy in body["RetryPolicies"] for exception in policy["ExceptionType"]}
        assert len(covered) == 5


def test_making_or_registering_a_model_is_repeated_after_service_faults_only() -> None:
    for _, _, body in of_type("Model", "RegisterModel"):
        assert [p["ExceptionType"] for p in body["RetryPolicies"]] == [["Step.SERVICE_FAULT", "Step.THROTTLING"]]


def test_training_learns_from_prepared_rows_and_settings() -> None:
    job = arguments(definition("training"), "Train")
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train", "config"]
    assert job["Environment"]["PACKAGE_TYPE"] == {"Get": "Parameters.PackageType"}
    assert "ContainerEntrypoint" not in job["AlgorithmSpecification"]
    models = ["s3://${ArtefactBucket}/runs/training", {"Get": "Execution.PipelineExecutionId"}, "models"]
    assert job["OutputDataConfig"]["S3OutputPath"] == {"Std:Join": {"On": "/", "Values": models}}


def test_parquet_files_are_scored_whole_and_fit_into_the_transform_limits() -> None:
    for _, _, body in of_type("Transform"):
        job = body["Arguments"]
        assert job["TransformInput"]["ContentType"] == "application/x-parquet"
        assert job["TransformInput"]["SplitType"] == "None"
        assert job["TransformOutput"]["Accept"] == "application/x-parquet"
        assert "BatchStrategy" not in job
        assert "AssembleWith" not in job["TransformOutput"]
        assert (job["MaxPayloadInMB"], job["MaxConcurrentTransforms"]) == (25, 4)


OUTCOMES = {
    "Verdict": ("Approved", "RegisterApproved"),
    "VerdictRejected": ("Rejected", "RegisterRejected"),
    "VerdictHeld": ("PendingManualApproval", "RegisterHeld"),
}


@pytest.mark.parametrize("step", OUTCOMES)
def test_each_outcome_has_a_condition_that_registers_with_its_own_status(step: str) -> None:
    status, register = OUTCOMES[step]
    condition = arguments(definition("training"), step)
    file = {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"}
    assert condition["Conditions"] == [
        {
            "Type": "Equals",
            "LeftValue": {"Std:JsonGet": {"PropertyFile": file, "Path": "decision.status"}},
            "RightValue": status,
        }
    ]
    assert [inner["Name"] for inner in condition["IfSteps"]] == [register]
    assert condition["IfSteps"][0]["Arguments"]["ModelApprovalStatus"] == status
    assert condition["ElseSteps"] == []


def test_every_outcome_of_the_gate_has_one_condition() -> None:
    assert sorted(status for status, _ in OUTCOMES.values()) == sorted(outcome.value for outcome in Outcome)


def test_registrations_differ_in_nothing_but_the_status() -> None:
    registered = [arguments(definition("training"), register) for _, register in OUTCOMES.values()]
    for package in registered:
        package.pop("ModelApprovalStatus")
    assert registered[0] == registered[1] == registered[2]


def test_a_registered_model_says_why_and_where_the_report_is() -> None:
    package = arguments(definition("training"), "RegisterApproved")
    properties = package["CustomerMetadataProperties"]
    assert sorted(properties) == [
        "baseline",
        "business-date",
        "execution",
        "package-type",
        "reason",
        "report",
        "run-id",
    ]
    assert properties["baseline"]["Std:Join"]["Values"][1] == "profile.json"
    assert next(gets(properties["baseline"])).startswith("Steps.Prepare.ProcessingOutputConfig.Outputs['profile']")
    assert properties["reason"]["Std:JsonGet"]["Path"] == "decision.reason"
    assert properties["report"]["Std:Join"]["Values"][1] == "report.html"
    statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert statistics["Std:Join"]["Values"][1] == "statistics.json"
    explanation = package["ModelMetrics"]["Explainability"]["Report"]["S3Uri"]
    assert explanation["Std:Join"]["Values"][1] == "explanation.json"
    types = ["application/x-parquet", "text/csv"]
    assert package["InferenceSpecification"]["SupportedContentTypes"] == types
    assert package["InferenceSpecification"]["SupportedResponseMIMETypes"] == types


def test_the_bundle_model_is_made_of_what_bundle_wrote() -> None:
    url = arguments(definition("inference"), "CreateBundleModel")["PrimaryContainer"]["ModelDataUrl"]
    assert url["Std:Join"]["Values"][1] == "model.tar.gz"
    assert next(gets(url)) == "Steps.Bundle.ProcessingOutputConfig.Outputs['bundle'].S3Output.S3Uri"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_uploaded_and_no_machine_of_an_author_shows(name: str) -> None:
    texts = strings(definition(name))
    assert not [text for text in texts if text.startswith("s3://") and "${ArtefactBucket}" not in text]
    paths = [text for text in texts if text.startswith(("/", "file:")) and text != "/"]
    assert [path for path in paths if not path.startswith("/opt/ml/processing/")] == []
