"""Prepare -> Layer1 -> Revise1 -> Layer2 -> Revise2 -> Layer3 -> Pack -> Register."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep

from pipelines.authoring import Job, Workbench, file_in, output_of
from pipelines.model_steps import Registration, register_model
from pipelines.topics import parameters as declared
from pipelines.topics.layers import LayerPlan, mapping_of, model_of, revise, train
from pipelines.topics.parameters import Machines, Parameters
from pipelines.topics.tuning import Search, best_model, tune
from rightpack.layout import PipelineKind

LAYERS: Final = 3
STATUS: Final = "PendingManualApproval"  # topics have no gate: a person reads the mapping before anything uses it


@dataclass(frozen=True, slots=True)
class Learning:
    """How layers are learned, by their number: hyperparameters that are given, and searches for the others."""

    hyperparameters: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    searches: Mapping[int, Search] = field(default_factory=dict)


def build(session: Any, machines: Machines | None = None, learning: Learning | None = None) -> Pipeline:
    """Make the pipeline; each layer has an instance type and hyperparameters, or a search for them, of its own."""
    parameters = declared.declare(machines or Machines())
    bench = Workbench(PipelineKind.TOPICS, session, parameters.processing_instance)
    prepare = bench.process(_prepare(parameters))
    layers, model = _layers(bench, parameters, output_of(prepare, "texts"), learning or Learning())
    pack = bench.process(_pack(prepare, model))
    register = register_model("Register", session, _registration(parameters, pack))
    return Pipeline(
        name=PipelineKind.TOPICS.value,  # the infrastructure names it per stage; it is not in the definition
        parameters=parameters.listed(),
        pipeline_experiment_config=None,  # otherwise every execution creates an experiment and a trial
        steps=[prepare, *layers, pack, register],
        sagemaker_session=session,
    )


def _layers(bench: Workbench, parameters: Parameters, texts: Any, learning: Learning) -> tuple[list[Any], Any]:
    """Trainings or searches with a callback between each two, and the model that they end in."""
    steps: list[Any] = []
    mapping = model = None
    for number, instance_type in enumerate(parameters.layer_instances, start=1):
        given = learning.hyperparameters.get(number, {})
        plan = LayerPlan(number, texts, parameters.config_uri, instance_type, mapping, model, given)
        step, model = _learned(bench, plan, learning.searches.get(number))
        steps.append(step)
        if number < LAYERS:
            steps.append(revise(model, number, parameters.mode))
            mapping = mapping_of(steps[-1])
    return steps, model


def _learned(bench: Workbench, plan: LayerPlan, search: Search | None) -> tuple[Any, Any]:
    """The step that learns a layer, and a reference to its model."""
    if search is None:
        step = train(bench, plan)
        return step, model_of(step)
    tuning = tune(bench, plan, search)
    return tuning, best_model(tuning, plan.number)


def _prepare(parameters: Parameters) -> Job:
    return Job(
        name="Prepare",
        module="topics.prepare",
        inputs={"data": parameters.data_uri, "config": parameters.config_uri},
        outputs=("texts", "profile"),
        arguments={"--data-uri": parameters.data_uri, "--manifest-uri": parameters.manifest_uri},
        cached=True,
    )


def _pack(prepare: ProcessingStep, model: Any) -> Job:
    return Job(
        name="Pack",
        module="topics.pack",
        inputs={"model": model, "texts": output_of(prepare, "texts")},
        outputs=("packed", "quality"),
        cached=True,
    )


def _registration(parameters: Parameters, pack: ProcessingStep) -> Registration:
    packed = output_of(pack, "packed")
    return Registration(
        status=STATUS,
        group=parameters.group,
        model_data=file_in(packed, "model.tar.gz"),
        statistics=file_in(output_of(pack, "quality"), "statistics.json"),
        explanation=file_in(packed, "mapping.json"),  # the keywords of every topic
        properties={
            "business-date": parameters.business_date,
            "execution": ExecutionVariables.PIPELINE_EXECUTION_ARN,
            "mapping": file_in(packed, "mapping.json"),
            "run-id": parameters.run_id,
        },
    )
