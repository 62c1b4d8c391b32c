"""ARNs and generated names, as the service forms them."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

_LETTERS = string.ascii_lowercase + string.digits
_LONGEST_JOB_NAME = 63
_LONGEST_TUNING_NAME = 32


def random_id(length: int = 12) -> str:
    """Draw an id of lower-case letters and digits, like those of pipeline executions."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def job_name(execution_id: str, step: str) -> str:
    """Name the job of a step: `pipelines-<execution>-<step>-<random>`, the step cut to what 63 characters hold."""
    tail = random_id(10)
    room = _LONGEST_JOB_NAME - len(f"pipelines-{execution_id}--{tail}")
    return f"pipelines-{execution_id}-{step.replace('_', '-')[:room].strip('-')}-{tail}"


def tuning_job_name(execution_id: str, step: str) -> str:
    """Name the tuning job of a step, 32 characters at most: `<execution>-<step, cut>-<random>`."""
    tail = random_id(10)
    room = _LONGEST_TUNING_NAME - len(f"{execution_id}--{tail}")
    return f"{execution_id}-{step.replace('_', '-')[:room].strip('-')}-{tail}"


def last_part(name_or_arn: str) -> str:
    """Reduce an ARN to the name of its resource; a plain name stays as it is."""
    return name_or_arn.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Arns:
    """Builder of ARNs of one account and region. Names in pipeline ARNs are lower-case, as on AWS."""

    account: str
    region: str

    def of(self, resource: str, name: str) -> str:
        """ARN of e.g. `processing-job`, `model` or `model-package-group` called `name`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}/{name}"

    def pipeline(self, name: str) -> str:
        """ARN of a pipeline."""
        return self.of("pipeline", name.lower())

    def execution(self, pipeline: str, execution_id: str) -> str:
        """ARN of an execution of the pipeline called `pipeline`."""
        return f"{self.pipeline(pipeline)}/execution/{execution_id}"
