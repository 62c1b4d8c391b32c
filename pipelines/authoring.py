"""How a step of rightpack is written with the SageMaker SDK: paths, environment, output locations and limits.

Code ships in the image and starts as `python -m processing.<module>`; nothing is uploaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sagemaker.core.processing import Processor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.steps import ProcessingStep, TransformStep

from pipelines.placeholders import Placeholder
from pipelines.policies import HOUR, Machine, cache, job_retries
from rightpack.layout import PipelineKind, key_alias
from rightpack.settings.steps import Machine as Chosen

PARQUET: Final = "application/x-parquet"
CSV: Final = "text/csv"
TRANSFORM_INSTANCE: Final = "ml.m5.xlarge"  # transform jobs know far fewer types than the others: no parameter
PARALLEL_REQUESTS: Final = 4
PAYLOAD_MB: Final = 25  # times parallel requests may be 100 at most
INPUT_ROOT: Final = "/opt/ml/processing/input"
OUTPUT_ROOT: Final = "/opt/ml/processing/output"
# Without one SageMaker takes the default key of S3 in its account, by which no other account can read a model.
KEY: Final = key_alias(Placeholder.STAGE.stand_in)


@dataclass(frozen=True, slots=True)
class Job:
    """One processing step: `module` of `processing`, named inputs (S3 URIs), named outputs, arguments in pairs.

    Instead of a module it may have a command of its own, and an `image` of its own.

    A `cached` job must not see the run id or the execution: it would never hit.
    """

    name: str
    module: str
    inputs: Mapping[str, Any]
    outputs: Sequence[str]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    property_files: Sequence[Any] = ()
    max_seconds: int = HOUR
    cached: bool = False
    entrypoint: Sequence[str] = ()
    image: str = Placeholder.IMAGE.stand_in


@dataclass(frozen=True, slots=True)
class Workbench:
    """What all steps of one pipeline share; processing jobs run on `instance_type` unless `machines` say otherwise."""

    kind: PipelineKind
    session: Any
    instance_type: Any
    machines: Mapping[str, Chosen] = field(default_factory=dict)

    def output_uri(self, step: str, output: str) -> Join:
        """`s3://<artefacts>/runs/<pipeline>/<execution id>/<step>/<output>`.

        Later steps take the URI from the step's properties instead: a cached step has another execution's outputs.
        """
        root = f"s3://{Placeholder.ARTEFACT_BUCKET.stand_in}/runs/{self.kind.value}"
        return Join(on="/", values=[root, ExecutionVariables.PIPELINE_EXECUTION_ID, f"{_hyphenated(step)}/{output}"])

    def models_uri(self) -> Join:
        """Where training jobs put their artefacts; the registry points there, so these must never expire."""
        root = f"s3://{Placeholder.ARTEFACT_BUCKET.stand_in}/runs/{self.kind.value}"
        return Join(on="/", values=[root, ExecutionVariables.PIPELINE_EXECUTION_ID, "models"])

    def machine(self, step: str, usual: Machine) -> Machine:
        """What a step runs on: as chosen for it, else as usual."""
        chosen = self.machines.get(step)
        if chosen is None:
            return usual
        kind = chosen.instance_type or usual.instance_type
        return Machine(kind, chosen.volume_gb, chosen.max_seconds or usual.max_seconds, chosen.instances)

    def process(self, job: Job) -> ProcessingStep:
        """Make a processing step."""
        machine = self.machine(job.name, Machine(self.instance_type, max_seconds=job.max_seconds))
        arguments = self._processor(job, machine).run(
            inputs=[_input(name, uri) for name, uri in job.inputs.items()],
            outputs=[_output(name, self.output_uri(job.name, name)) for name in job.outputs],
            arguments=[part for pair in job.arguments.items() for part in pair] or None,
        )
        return ProcessingStep(
            name=job.name,
            step_args=arguments,
            property_files=list(job.property_files),
            cache_config=cache() if job.cached else None,
            retry_policies=job_retries(),
        )

    def transform(self, name: str, *, model_name: Any, data: Any, cached: bool = False) -> Transform:
        """Make a transform step that posts every Parquet file below `data` whole and keeps what comes back.

        There is no split for Parquet, so files must be right-sized before: at most `PAYLOAD_MB` each. A `cached` one
        hits only for a model of the same name.
        """
        machine = self.machine(name, Machine(TRANSFORM_INSTANCE))
        transformer = Transformer(
            model_name=model_name,
            instance_count=machine.instances,
            instance_type=machine.instance_type,
            accept=PARQUET,
            output_path=self.output_uri(name, "scores"),
            output_kms_key=KEY,
            max_concurrent_transforms=PARALLEL_REQUESTS,
            max_payload=PAYLOAD_MB,
            sagemaker_session=self.session,
        )
        arguments = transformer.transform(
            data=data,
            content_type=PARQUET,
            split_type="None",
            # a transform job has no maximum run time: these two bound a container that hangs
            model_client_config={"InvocationsTimeoutInSeconds": 600, "InvocationsMaxRetries": 2},
        )
        return Transform(
            name=name,
            step_args=arguments,
            cache_config=cache() if cached else None,
            retry_policies=job_retries(),
        )

    def _processor(self, job: Job, machine: Machine) -> Processor:
        return Processor(
            role=Placeholder.JOB_ROLE_ARN.stand_in,
            image_uri=job.image,
            entrypoint=list(job.entrypoint) or ["python", "-m", f"processing.{job.module}"],
            instance_count=machine.instances,
            instance_type=machine.instance_type,
            volume_size_in_gb=machine.volume_gb,
            max_runtime_in_seconds=machine.max_seconds,
            env={**stage_environment(), **job.environment},
            output_kms_key=KEY,
            sagemaker_session=self.session,
        )


class Transform(TransformStep):  # type: ignore[misc]  # the SDK is untyped
    """A transform step whose number of machines may be a pipeline parameter: the SDK's own takes whole numbers only."""

    instances: Any = None

    @property
    def arguments(self) -> Any:
        """The request of the job."""
        request = super().arguments
        if self.instances is not None:
            request["TransformResources"]["InstanceCount"] = self.instances
        return request


def stage_environment() -> dict[str, str]:
    """What a step needs to know every name by `rightpack.layout.Layout`.

    The service promises no region variable to processing and training containers, so it is given explicitly.
    """
    return {
        "AWS_DEFAULT_REGION": Placeholder.REGION.stand_in,
        "RIGHTPACK_ACCOUNT": Placeholder.ACCOUNT.stand_in,
        "RIGHTPACK_STAGE": Placeholder.STAGE.stand_in,
    }


def output_of(step: ProcessingStep, name: str) -> Any:
    """Reference to the S3 URI of a processing step's output, without a slash at its end."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def scores_of(step: TransformStep) -> Any:
    """Reference to the S3 URI below which a transform step wrote its `.out` files."""
    return step.properties.TransformOutput.S3OutputPath


def file_in(uri: Any, name: str) -> Join:
    """URI of the file `name` below `uri`."""
    return Join(on="/", values=[uri, name])


def _hyphenated(step: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", step).lower()


def _input(name: str, uri: Any) -> ProcessingInput:
    source = ProcessingS3Input(
        s3_uri=uri, local_path=f"{INPUT_ROOT}/{name}", s3_data_type="S3Prefix", s3_input_mode="File"
    )
    return ProcessingInput(input_name=name, s3_input=source)


def _output(name: str, uri: Any) -> ProcessingOutput:
    target = ProcessingS3Output(s3_uri=uri, local_path=f"{OUTPUT_ROOT}/{name}", s3_upload_mode="EndOfJob")
    return ProcessingOutput(output_name=name, s3_output=target)
