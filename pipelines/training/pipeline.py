"""Prepare -> what trains -> CreateCandidate -> ScoreValidation -> Evaluate -> Verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep

from pipelines.authoring import Job, Workbench, output_of, scores_of
from pipelines.training import parameters as declared
from pipelines.training.architectures import Architecture, SubGraph, Task, distributed, single, spot, tuning
from pipelines.training.candidate import create_candidate, model_of, standing
from pipelines.training.own_steps import Sources, add_ready, order, refuse, training_rows
from pipelines.training.parameters import Parameters
from pipelines.training.verdict import Judged, verdict
from rightpack.layout import PipelineKind
from rightpack.settings.steps import Steps


@dataclass(frozen=True, slots=True)
class Candidate:
    """References to an artefact, to its scores of the validation rows, and to whom it challenges."""

    model_data: Any
    scores: Any
    standing: Any


PREPARED: Final = ("train", "validation", "labels", "profile")
EVALUATION = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")


TRAININGS: Final[Mapping[str, Architecture]] = {
    "single": single.steps,
    "tuning": tuning.steps,
    "distributed": distributed.steps,
    "spot": spot.steps,
}


def build(session: Any, steps: Steps | None = None) -> Pipeline:
    """Make the pipeline; `steps` say how it trains, and which steps a team adds or leaves out.

    Raises:
        SettingsError: a step of one's own reads or waits for what there is not.
    """
    steps = steps or Steps()
    parameters = declared.declare()
    bench = Workbench(PipelineKind.TRAINING, session, parameters.processing_instance, steps.machines)
    made = _Line(bench, parameters, steps).steps()
    order(steps.own, made)
    return Pipeline(
        name=PipelineKind.TRAINING.value,  # the infrastructure names it per stage; it is not in the definition
        parameters=parameters.listed(),
        pipeline_experiment_config=None,  # otherwise every execution creates an experiment and a trial
        steps=made,
        sagemaker_session=session,
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """What the steps are made of, in order; steps of one's own come as soon as what they read is there."""

    bench: Workbench
    parameters: Parameters
    shape: Steps

    def steps(self) -> list[Any]:
        """All steps."""
        given, waiting = self.parameters, dict(self.shape.own)
        prepare = self.bench.process(_prepare(given))
        sources = Sources({"DataUri": given.data_uri, "ManifestUri": given.manifest_uri, "ConfigUri": given.config_uri})
        sources.add(prepare, PREPARED)
        before = add_ready(self.bench, waiting, sources)
        rows = training_rows(self.shape.own, sources, output_of(prepare, "train"))
        task = Task(self.bench, given, prepare, rows, self.shape)
        learned = TRAININGS[self.shape.training](task)
        sources.known["Train.model"] = learned.model_data
        judging = self._judging(prepare, learned, sources) if "Evaluate" not in self.shape.without else []
        after = add_ready(self.bench, waiting, sources)
        refuse(waiting, sources)
        return [prepare, *before, *learned.steps, *judging, *after]

    def _judging(self, prepare: ProcessingStep, learned: SubGraph, sources: Sources) -> list[Any]:
        create = create_candidate(learned.model_data, self.parameters.group)
        score = self.bench.transform(
            "ScoreValidation", model_name=model_of(create), data=output_of(prepare, "validation"), cached=True
        )
        candidate = Candidate(learned.model_data, scores_of(score), standing(create))
        evaluate = self.bench.process(_evaluate(self.parameters, prepare, candidate))
        sources.add(evaluate, ("evaluation",))
        sources.known["ScoreValidation.scores"] = scores_of(score)
        judged = Judged(prepare, evaluate, EVALUATION, learned.model_data)
        outcomes = verdict(self.bench, self.parameters, judged)
        return [create, score, evaluate, *(step for step in outcomes if step.name not in self.shape.without)]


def _prepare(parameters: Parameters) -> Job:
    return Job(
        name="Prepare",
        module="prepare",
        inputs={"data": parameters.data_uri, "config": parameters.config_uri},
        outputs=PREPARED,
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
            "--standing": candidate.standing,
        },
        property_files=(EVALUATION,),
        cached=True,
    )
