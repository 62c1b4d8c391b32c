"""Runs QualityCheck and ClarifyCheck steps: baseline, job, drift."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local_cloud.host import ObjectStore
from local_cloud.sagemaker.checks import Check
from local_cloud.sagemaker.errors import StepFailedError
from local_cloud.sagemaker.execution import Execution, StepRun
from local_cloud.sagemaker.staging import bucket_and_key
from local_cloud.wire import AwsError, Json

CallService = Callable[[Execution, str, Json], Json]
RunJob = Callable[[Execution, StepRun, Json, Callable[[str], Json]], Json]  #: the last one makes metadata of an ARN


class CheckSteps:
    """Compares with the previous baseline and leaves a new one; drift fails the step unless it may not."""

    def __init__(self, objects: ObjectStore, call: CallService, run_job: RunJob) -> None:
        self._objects = objects
        self._call = call
        self._run_job = run_job

    def __call__(self, execution: Execution, run: StepRun, request: Json, settings: Json) -> Json:
        """Run one check and answer its step properties; raises `StepFailedError` for drift."""
        check = Check.of(run.step.type, settings, request)
        previous = check.previous(self._approved(execution, check.settings.get("ModelPackageGroupName")))
        properties = check.properties(previous)
        self._forget_report(check)
        job = check.job(request, previous)
        self._run_job(execution, run, job, lambda arn: check.metadata(arn, properties, violated=False))
        self._need_files(check)
        violations = self._violations(check) if check.compares else []
        if violations:
            arn = run.metadata[check.step_type]["CheckJobArn"]
            execution.note(run, check.metadata(arn, properties, violated=True))
            if check.fails_on_violation:
                raise StepFailedError(
                    f"ClientError: {check.settings['CheckType']} check found {len(violations)} violations of the "
                    f"baseline constraints. See the violation report {check.report}."
                )
        return properties

    def _approved(self, execution: Execution, group: str | None) -> Json | None:
        """Latest approved package of a group, if there is one."""
        if not group:
            return None
        wanted = {"ModelPackageGroupName": group, "ModelApprovalStatus": "Approved", "MaxResults": 1}
        order = {"SortBy": "CreationTime", "SortOrder": "Descending"}
        found = self._call(execution, "ListModelPackages", {**wanted, **order})["ModelPackageSummaryList"]
        if not found:
            return None
        return self._call(execution, "DescribeModelPackage", {"ModelPackageName": found[0]["ModelPackageArn"]})

    def _forget_report(self, check: Check) -> None:
        """Remove the violations of an earlier run: a check without drift writes no file over them."""
        self._objects.delete(*bucket_and_key(check.report))

    def _need_files(self, check: Check) -> None:
        for kind, uri in check.calculated.items():
            bucket, key = bucket_and_key(uri)
            if all(item.key != key for item in self._objects.list(bucket, key)):
                raise StepFailedError(f"ClientError: The check job wrote no baseline {kind.lower()} to {uri}.")

    def _violations(self, check: Check) -> list[Any]:
        try:
            report = json.loads(self._objects.read(*bucket_and_key(check.report)))
            return list(report["violations"])
        except AwsError as problem:
            if problem.code == "NoSuchKey":
                return []
            raise StepFailedError(f"ClientError: {check.report} cannot be read: {problem.message}") from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise StepFailedError(f"ClientError: {check.report} is no violation report: {problem!r}") from problem
