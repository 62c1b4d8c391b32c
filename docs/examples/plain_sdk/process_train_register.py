"""Process, train, evaluate, and register the model if its error is small enough."""

from building import IMAGE, ROLE, new_session, output_of, process, run, trainer
from sagemaker.core.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train.configs import InputData

session = new_session()
worst = ParameterFloat("WorstError", default_value=0.05)

prepare = process(session, "Prepare", "prepare.py", {}, ["train", "test"])
train = TrainingStep(
    name="Train",
    step_args=trainer(session).train(
        input_data_config=[InputData(channel_name="train", data_source=output_of(prepare, "train"))]
    ),
)
artefact = train.properties.ModelArtifacts.S3ModelArtifacts
report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
evaluate = process(
    session,
    "Evaluate",
    "evaluate.py",
    {"model": artefact, "test": output_of(prepare, "test")},
    ["evaluation"],
    property_files=[report],
)
model = ModelBuilder(image_uri=IMAGE, s3_model_data_url=artefact, role_arn=ROLE, sagemaker_session=session)
register = ModelStep(
    name="Register",
    step_args=model.register(
        model_package_group_name="plain-sdk",
        content_types=["application/json"],
        response_types=["application/json"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        approval_status="PendingManualApproval",
    ),
)
good_enough = ConditionStep(
    name="GoodEnough",
    conditions=[
        ConditionLessThanOrEqualTo(
            left=JsonGet(step_name="Evaluate", property_file=report, json_path="metrics.error"), right=worst
        )
    ],
    if_steps=[register],
    else_steps=[FailStep(name="TooBad", error_message="The error is above WorstError.")],
)
pipeline = Pipeline(
    name="plain-sdk-register",
    parameters=[worst],
    steps=[prepare, train, evaluate, good_enough],
    sagemaker_session=session,
)

if __name__ == "__main__":
    steps = run(pipeline)
    print("registered", next(s for name, s in steps.items() if "Register" in name)["Metadata"]["RegisterModel"]["Arn"])
