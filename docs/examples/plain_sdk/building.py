"""The steps the three pipelines share, written with the plain SageMaker SDK v3.

Nothing here knows of rightpack: boto3 and the SDK find the embedded cloud through AWS_ENDPOINT_URL, or AWS without it.
"""

import os
from pathlib import Path

import boto3
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.steps import ProcessingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode

CODE = Path(__file__).parent / "code"
ROLE = os.environ.get("ROLE_ARN", "arn:aws:iam::123456789012:role/scientist")
BUCKET = os.environ.get("BUCKET", "plain-sdk-examples")
IMAGE = os.environ.get("IMAGE_URI", "123456789012.dkr.ecr.us-east-1.amazonaws.com/python:3")  # locally: our Python
INPUT, OUTPUT = "/opt/ml/processing/input", "/opt/ml/processing/output"


def new_session() -> PipelineSession:
    """A session that draws steps instead of running them; its default bucket takes code and results.

    The bucket is named because the SDK would otherwise ask the public STS endpoint, whatever AWS_ENDPOINT_URL says.
    """
    return PipelineSession(default_bucket=BUCKET)


def process(session, name, script, inputs, outputs, **members):
    """A processing step that runs one of our scripts; its arguments are the folders, inputs first."""
    processor = ScriptProcessor(
        image_uri=IMAGE,
        command=["python3"],
        role=ROLE,
        instance_count=1,
        instance_type="ml.m5.large",
        sagemaker_session=session,
    )
    step_args = processor.run(
        code=str(CODE / script),
        inputs=[
            ProcessingInput(
                input_name=key,
                s3_input=ProcessingS3Input(
                    s3_uri=uri, local_path=f"{INPUT}/{key}", s3_data_type="S3Prefix", s3_input_mode="File"
                ),
            )
            for key, uri in inputs.items()
        ],
        outputs=[
            ProcessingOutput(
                output_name=key,
                s3_output=ProcessingS3Output(
                    s3_uri=f"s3://{session.default_bucket()}/plain-sdk/{name}/{key}",
                    local_path=f"{OUTPUT}/{key}",
                    s3_upload_mode="EndOfJob",
                ),
            )
            for key in outputs
        ],
        arguments=[f"{INPUT}/{key}" for key in inputs] + [f"{OUTPUT}/{key}" for key in outputs],
    )
    return ProcessingStep(name=name, step_args=step_args, **members)


def output_of(step, name):
    """S3 URI of an output, known when the pipeline runs."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def trainer(session, **hyperparameters):
    """A trainer of our script."""
    return ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        sagemaker_session=session,
        base_job_name="plain-sdk",
        source_code=SourceCode(source_dir=str(CODE), entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=30),
        hyperparameters=hyperparameters or {"shrink": "0"},
    )


def run(pipeline):
    """Create or update the pipeline, run it, and answer its steps by name; any end but success is an error."""
    pipeline.upsert(role_arn=ROLE)
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=240)
    return {step["StepName"]: step for step in execution.list_steps()}


def client(service):
    """A boto3 client of the same cloud."""
    return boto3.client(service)
