"""Which hyperparameters to try next, and which training jobs are not worth their time: optuna, asked and told."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import optuna
from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from local_cloud.sagemaker.tuning.plan import Plan

_REDUCTION = 3  # Hyperband lets a third go on at every rung
_MOST_STARTS, _STARTS_SHARE = 10, 4  # random draws a Bayesian search begins with: a quarter of its jobs, at most ten


@dataclass(frozen=True, slots=True)
class Proposal:
    """Hyperparameters to try, as texts."""

    number: int
    bracket: int
    hyperparameters: dict[str, str]
    drawn: optuna.Trial


class Search:
    """The search of one tuning job. Equal plans and equal results, told in the same order, propose the same."""

    def __init__(self, plan: Plan) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._plan = plan
        self._count = itertools.count()
        self._brackets = list(_brackets(plan.resources))
        self._studies = [self._study(place) for place in range(max(1, len(set(self._brackets))))]
        for cell in _cells(plan) if plan.strategy == "Grid" else ():
            self._studies[0].enqueue_trial(cell)

    def propose(self) -> Proposal:
        """Draw the hyperparameters of the next training job."""
        number = next(self._count)
        bracket = self._brackets[number % len(self._brackets)]
        drawn = self._studies[bracket].ask()
        return Proposal(number, bracket, {item.name: item.draw(drawn) for item in self._plan.ranges}, drawn)

    def report(self, proposal: Proposal, resource: int, value: float) -> bool:
        """Note the objective after `resource` reports; True when the job should be stopped.

        Hyperband's brackets stop those that fall behind. A job that has come to MaxResource is left to save its model,
        and stopped only when it goes on.
        """
        proposal.drawn.report(value, resource)
        if self._plan.resources is None or resource < self._plan.resources[1]:
            return bool(proposal.drawn.should_prune())
        return resource > self._plan.resources[1]

    def tell(self, proposal: Proposal, value: float | None, *, stopped: bool) -> None:
        """Note how a training job ended: its objective, None when it has none."""
        study = self._studies[proposal.bracket]
        if value is None:
            study.tell(proposal.drawn, state=TrialState.FAIL)
        elif stopped:
            study.tell(proposal.drawn, state=TrialState.PRUNED)
        else:
            study.tell(proposal.drawn, value)

    def _study(self, bracket: int) -> optuna.Study:
        """Hyperband is one successive halving beside the other: each bracket is a study, and they do not compete."""
        return optuna.create_study(
            direction="maximize" if self._plan.maximize else "minimize",
            sampler=_sampler(self._plan, self._plan.seed + bracket),
            pruner=_pruner(self._plan, bracket),
        )


def _brackets(resources: tuple[int, int] | None) -> Iterator[int]:
    """Bracket of each training job, over and over: as many of each as Hyperband has, the most eager to stop first."""
    if resources is None:
        yield 0
        return
    least, most = resources
    last = 0
    while least * _REDUCTION ** (last + 1) <= most:
        last += 1
    for bracket in range(last + 1):
        halvings = last - bracket
        yield from [bracket] * math.ceil((last + 1) / (halvings + 1) * _REDUCTION**halvings)


def _sampler(plan: Plan, seed: int) -> BaseSampler:
    if plan.strategy != "Bayesian":
        return RandomSampler(seed=seed)
    starts = max(3, min(_MOST_STARTS, plan.most_jobs // _STARTS_SHARE))
    return TPESampler(seed=seed, n_startup_trials=starts, multivariate=True, constant_liar=plan.parallel > 1)


def _pruner(plan: Plan, bracket: int) -> BasePruner:
    if plan.resources is None:
        return NopPruner()
    least = plan.resources[0]
    return SuccessiveHalvingPruner(
        min_resource=least, reduction_factor=_REDUCTION, min_early_stopping_rate=bracket, bootstrap_count=0
    )


def _cells(plan: Plan) -> Iterator[dict[str, str]]:
    names = [item.name for item in plan.ranges]
    for cell in itertools.product(*(item.values or () for item in plan.ranges)):
        yield dict(zip(names, cell, strict=True))
