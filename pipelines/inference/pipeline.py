"""Prepare and Bundle side by side -> CreateBundleModel -> Score -> Recommend -> Load, which waits for Monitor too."""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep, TransformStep

from pipelines.authoring import Job, Workbench, file_in, output_of, scores_of
from pipelines.inference import parameters as declared
from pipelines.inference.parameters import Parameters
from pipelines.model_steps import create_model
from rightpack.layout import PipelineKind


def build(session: Any) -> Pipeline:
    """Make the pipeline."""
    parameters = declared.declare()
    bench = Workbench(PipelineKind.INFERENCE, session, parameters.processing_instance)
    prepare = bench.process(_prepare(parameters))
    bundle = bench.process(_bundle(parameters))
    model_data = file_in(output_of(bundle, "bundle"), "model.tar.gz")
    create = create_model("CreateBundleModel", session, model_data)
    score = bench.transform("Score", model_name=create.properties.ModelName, data=output_of(prepare, "features"))
    score.instances = parameters.score_instances
    recommend = bench.process(_recommend(parameters, prepare, bundle, score))
    load = bench.process(_load(parameters, recommend))
    monitor = bench.process(_monitor(parameters, prepare, bundle))
    load.add_depends_on([monitor])  # a catalogue in other units than before ends the run, and nothing of it is loaded
    return Pipeline(
        name=PipelineKind.INFERENCE.value,  # the infrastructure names it per stage; it is not in the definition
        parameters=parameters.listed(),
        pipeline_experiment_config=None,  # otherwise every execution creates an experiment and a trial
        steps=[prepare, bundle, create, score, recommend, load, monitor],
        sagemaker_session=session,
    )


def _prepare(parameters: Parameters) -> Job:
    return Job(
        name="Prepare",
        module="prepare_inference",
        inputs={"data": parameters.data_uri, "config": parameters.config_uri},
        outputs=("features", "profile"),
        arguments={
            "--data-uri": parameters.data_uri,
            "--manifest-uri": parameters.manifest_uri,
            "--business-date": parameters.business_date,
        },
        cached=True,
    )


def _bundle(parameters: Parameters) -> Job:
    # not cached: which models are approved changes without any change of the arguments
    return Job(name="Bundle", module="bundle", inputs={"config": parameters.config_uri}, outputs=("bundle",))


def _recommend(parameters: Parameters, prepare: ProcessingStep, bundle: ProcessingStep, score: TransformStep) -> Job:
    return Job(
        name="Recommend",
        module="recommend",
        inputs={
            "features": output_of(prepare, "features"),
            "scores": scores_of(score),
            "bundle": output_of(bundle, "bundle"),
            "profile": output_of(prepare, "profile"),
            "config": parameters.config_uri,
        },
        outputs=("predictions", "recommendations", "report"),
    )


def _load(parameters: Parameters, recommend: ProcessingStep) -> Job:
    # the rows go from S3 to Redshift directly; this job reads manifests only
    predictions, recommendations = (output_of(recommend, name) for name in ("predictions", "recommendations"))
    return Job(
        name="Load",
        module="load",
        inputs={"report": output_of(recommend, "report"), "config": parameters.config_uri},
        outputs=("load",),
        arguments={
            "--run-id": parameters.run_id,
            "--business-date": parameters.business_date,
            "--predictions-manifest": file_in(predictions, "manifest"),
            "--recommendations-manifest": file_in(recommendations, "manifest"),
        },
    )


def _monitor(parameters: Parameters, prepare: ProcessingStep, bundle: ProcessingStep) -> Job:
    # not cached: what the drop is compared with and when a training was last asked for is not in the arguments
    return Job(
        name="Monitor",
        module="monitor",
        inputs={
            "profile": output_of(prepare, "profile"),
            "bundle": output_of(bundle, "bundle"),
            "config": parameters.config_uri,
        },
        outputs=("drift",),
        arguments={
            "--run-id": parameters.run_id,
            "--business-date": parameters.business_date,
            "--mode": parameters.mode,
        },
    )
