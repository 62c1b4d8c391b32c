"""Prepare -> the architecture's own steps -> CreateCandidate -> ScoreValidation -> Evaluate -> Verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep

from pipelines.authoring import Job, Workbench, output_of, scores_of
from pipelines.training import parameters as declared
from pipelines.training.architectures import Architecture, single
from pipelines.training.candidate import create_candidate, model_of, reigning
from pipelines.training.parameters import Parameters
from pipelines.training.verdict import Judged, verdict
from rightpack.layout import PipelineKind


@dataclass(frozen=True, slots=True)
class Candidate:
    """References to an artefact, to its scores of the validation rows, and to whom it challenges."""

    model_data: Any
    scores: Any
    reigning: Any


EVALUATION = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")


def build(session: Any, architecture: Architecture = single.steps) -> Pipeline:
    """Make the pipeline; `architecture` contributes what lies between Prepare and CreateCandidate."""
    parameters = declared.declare()
    bench = Workbench(PipelineKind.TRAINING, session, parameters.processing_instance)
    prepare = bench.process(_prepare(parameters))
    learned = architecture(bench, parameters, prepare)
    create = create_candidate(learned.model_data, parameters.group)
    score = bench.transform(
        "ScoreValidation", model_name=model_of(create), data=output_of(prepare, "validation"), cached=True
    )
    candidate = Candidate(learned.model_data, scores_of(score), reigning(create))
    evaluate = bench.process(_evaluate(parameters, prepare, candidate))
    judged = Judged(prepare, evaluate, EVALUATION, learned.model_data)
    return Pipeline(
        name=PipelineKind.TRAINING.value,  # the infrastructure names it per stage; it is not in the definition
        parameters=parameters.listed(),
        pipeline_experiment_config=None,  # otherwise every execution creates an experiment and a trial
        steps=[prepare, *learned.steps, create, score, evaluate, *verdict(bench, parameters, judged)],
        sagemaker_session=session,
    )


def _prepare(parameters: Parameters) -> Job:
    return Job(
        name="Prepare",
        module="prepare",
        inputs={"data": parameters.data_uri, "config": parameters.config_uri},
        outputs=("train", "validation", "labels", "profile"),
        arguments={
            "--data-uri": parameters.data_uri,
            "--manifest-uri": parameters.manifest_uri,
            "--package-type": parameters.package_type,
            "--business-date": parameters.business_date,
        },
        cached=True,
    )


def _evaluate(parameters: Parameters, prepare: ProcessingStep, candidate: Candidate) -> Job:
    prepared = {name: output_of(prepare, name) for name in ("validation", "labels", "profile")}
    return Job(
        name="Evaluate",
        module="evaluate",
        inputs={**prepared, "scores": candidate.scores, "model": candidate.model_data, "config": parameters.config_uri},
        outputs=("evaluation",),
        arguments={
            "--package-type": parameters.package_type,
            "--business-date": parameters.business_date,
            "--group": parameters.group,
            "--candidate": candidate.model_data,
            "--reigning": candidate.reigning,
        },
        property_files=(EVALUATION,),
        cached=True,
    )
