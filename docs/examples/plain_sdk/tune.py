"""Tune a hyperparameter, and make a model of the best trial."""

from building import IMAGE, ROLE, new_session, output_of, process, run, trainer
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TuningStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train.configs import InputData
from sagemaker.train.tuner import HyperparameterTuner

session = new_session()
prepare = process(session, "Prepare", "prepare.py", {}, ["train", "test"])
tuner = HyperparameterTuner(
    model_trainer=trainer(session, shrink="1"),
    objective_metric_name="train:error",
    objective_type="Minimize",
    metric_definitions=[{"Name": "train:error", "Regex": "train:error=([0-9.]+);"}],
    hyperparameter_ranges={"shrink": ContinuousParameter(0.0, 50.0)},
    strategy="Random",
    max_jobs=4,
    max_parallel_jobs=2,
    random_seed=1,
)
tune = TuningStep(
    name="Tune",
    step_args=tuner.tune(inputs=[InputData(channel_name="train", data_source=output_of(prepare, "train"))]),
)
best = tune.get_top_model_s3_uri(top_k=0, s3_bucket=session.default_bucket(), prefix="plain-sdk")
model = ModelBuilder(image_uri=IMAGE, s3_model_data_url=best, role_arn=ROLE, sagemaker_session=session)
create = ModelStep(name="CreateBest", step_args=model.build())
pipeline = Pipeline(name="plain-sdk-tune", steps=[prepare, tune, create], sagemaker_session=session)

if __name__ == "__main__":
    steps = run(pipeline)
    print("best", next(s for name, s in steps.items() if "CreateBest" in name)["Metadata"]["Model"]["Arn"])
