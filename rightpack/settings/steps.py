"""The shape of the training pipeline: how a model is trained, on which machines, and which steps a team adds or drops.

Everything at its default is the pipeline that the infrastructure publishes. Any other shape is a pipeline of its own,
named after its digest, which `rightpack train` and `rightpack render --publish` create.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Final

from rightpack.errors import SettingsError

TRAININGS: Final = ("single", "tuning", "distributed", "spot")
STRATEGIES: Final = ("Grid", "Random", "Bayesian", "Hyperband")
GOALS: Final = ("Maximize", "Minimize")
OPTIONAL: Final = ("Evaluate", "VerdictRejected", "VerdictHeld")
FIXED: Final = ("Prepare", "Train", "CreateCandidate", "ScoreValidation", "Evaluate")
STEP_NAME: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,30}")
OUTPUT_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")
DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Machine:
    """Machines of one step: type, how many, disk in GB, longest run time in seconds; empty or 0 leaves the default."""

    instance_type: str = ""
    instances: int = 1
    volume_gb: int = 30
    max_seconds: int = 0

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.instances < 1 or self.volume_gb < 1 or self.max_seconds < 0:
            raise SettingsError("A machine needs instances and volume_gb of at least 1, and max_seconds of at least 0.")


@dataclass(frozen=True, slots=True)
class Range:
    """Values of one hyperparameter: from `low` to `high` (whole numbers if `whole`), or one of `values`."""

    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    scale: str = "Auto"
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if bool(self.values) == (self.low < self.high):
            raise SettingsError("A range of steps.tuning.ranges has either low < high, or values.")


@dataclass(frozen=True, slots=True)
class Tuning:
    """The search for the best hyperparameters; the model of the best training goes on.

    `jobs` bounds it, except that a grid tries everything. `least` and `most` are Hyperband's resources: how many
    reports of the objective a training makes.
    """

    strategy: str = "Bayesian"
    objective: str = "tuning_roc_auc"
    goal: str = "Maximize"
    jobs: int = 12
    parallel: int = 3
    stop_early: bool = False
    seed: int = 7
    least: int = 1
    most: int = 27
    ranges: dict[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        for name, value, known in (("strategy", self.strategy, STRATEGIES), ("goal", self.goal, GOALS)):
            if value not in known:
                raise SettingsError(f"steps.tuning.{name} is {value!r}; known are {', '.join(known)}.")
        if self.strategy == "Grid" and not all(one.values for one in self.ranges.values()):
            raise SettingsError("A grid tries values: give every range of steps.tuning.ranges a list of them.")


@dataclass(frozen=True, slots=True)
class Container:
    """An image and command of one's own that train in place of ours; all empty is ours.

    The command is the image's `train`, or `entrypoint`, or `script`: a Python file (relative to the TOML file that says
    so). It reads the channels `train` and `config`, and leaves what ours would leave in the model folder.
    """

    image: str = ""
    entrypoint: tuple[str, ...] = ()
    script: str = ""

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.script and self.entrypoint:
            raise SettingsError("steps.container has a script or an entrypoint, not both.")

    @property
    def ours(self) -> bool:
        """Whether our own command trains."""
        return not (self.image or self.entrypoint or self.script)


@dataclass(frozen=True, slots=True)
class Rule:
    """A debugger or profiler rule: the image that judges, and its parameters."""

    image: str
    parameters: dict[str, str] = field(default_factory=dict)
    profiler: bool = False


@dataclass(frozen=True, slots=True)
class Extra:
    """A processing step of one's own, by its name, which is a name like `CleanTitles`.

    What it runs is one of: `script`, a Python file (relative to the TOML file that says so) that our image runs;
    `entrypoint`, a command of `image` (ours if that is empty). `inputs` are channels and where they come from:
    `Step.output`, `Train.model`, `DataUri`, `ConfigUri` or an `s3://` URI. `outputs` are folders that it leaves.

    It waits for the steps whose outputs it reads and for those of `after`; those of `before` wait for it. A `cached`
    one does not run again for the same image, command and inputs. One that `feeds_training` has an output `train`,
    from which the model learns instead of Prepare's.
    """

    script: str = ""
    entrypoint: tuple[str, ...] = ()
    image: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    arguments: dict[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    feeds_training: bool = False
    cached: bool = True

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if bool(self.script) == bool(self.entrypoint):
            raise SettingsError("A step of steps.extra has either a script or an entrypoint.")
        if self.feeds_training and "train" not in self.outputs:
            raise SettingsError("A step of steps.extra that feeds_training must have the output 'train'.")
        for name in (*self.inputs, *self.outputs):
            if not OUTPUT_NAME.fullmatch(name):
                raise SettingsError(f"{name!r} is no name of an input or output: it must match {OUTPUT_NAME.pattern}.")


@dataclass(frozen=True, slots=True)
class Steps:
    """The training pipeline's shape: `training` is one of single, tuning, distributed and spot.

    `without` leaves steps out: `Evaluate` (then nothing is judged nor registered), `VerdictRejected` or `VerdictHeld`
    (then such models are not registered), or one of `extra`. `machines`, by step, `metrics` (name and regular
    expression) and `rules` apply where there is such a step. A spot training keeps how far it has come every
    `checkpoint_rounds` rounds.
    """

    training: str = "single"
    machines: dict[str, Machine] = field(default_factory=dict)
    tuning: Tuning = field(default_factory=Tuning)
    container: Container = field(default_factory=Container)
    metrics: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    wait_for_spot_seconds: int = 14400
    checkpoint_rounds: int = 20
    extra: dict[str, Extra] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.training not in TRAININGS:
            raise SettingsError(f"steps.training is {self.training!r}; known are {', '.join(TRAININGS)}.")
        self._check_training()
        for name in self.extra:
            if not STEP_NAME.fullmatch(name) or name in FIXED:
                raise SettingsError(f"steps.extra.{name}: a step of one's own has a name like CleanTitles, not taken.")
        for where, names, known in (
            ("without", self.without, (*OPTIONAL, *self.extra)),
            ("machines", tuple(self.machines), (*FIXED, *self.extra)),
        ):
            for name in names:
                if name not in known:
                    raise SettingsError(f"steps.{where} names {name!r}; possible are {', '.join(known)}.")

    def _check_training(self) -> None:
        container = self.container
        if self.training == "tuning" and (container.entrypoint or container.script):
            raise SettingsError(
                "A search starts the image's command `train`; it takes no entrypoint or script of steps.container."
            )
        if self.training == "tuning" and not self.tuning.ranges:
            raise SettingsError("steps.training is 'tuning', but steps.tuning.ranges says nothing to search.")
        several = self.training == "distributed" or self.machines.get("Train", Machine()).instances > 1
        if several and container.ours:
            raise SettingsError(
                "Our own training learns the whole model on one machine; several would learn the same side by side. "
                "Distributed training, or machines.Train.instances above 1, is for a steps.container of your own "
                "(image, entrypoint or script) that divides the work; else take a larger machines.Train.instance_type."
            )
        if self.checkpoint_rounds < 1:
            raise SettingsError("steps.checkpoint_rounds must be at least 1.")

    @property
    def own(self) -> dict[str, Extra]:
        """Steps of one's own that are not left out."""
        return {name: step for name, step in self.extra.items() if name not in self.without}

    @property
    def shape(self) -> str:
        """What the pipeline of these steps is called after its kind; empty for the one that is always there."""
        if self == Steps():
            return ""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()[:DIGITS]
