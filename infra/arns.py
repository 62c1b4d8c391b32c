"""ARNs of the stage's resources, built from their names: stacks and roles need no reference to each other."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk

from rightpack.layout import Layout, PipelineKind


@dataclass(frozen=True, slots=True)
class Arns:
    """ARNs of one stage; partition, region and account stay tokens until deployment."""

    layout: Layout

    @classmethod
    def of_stage(cls, stage: str) -> Arns:
        """ARNs of a stage in whatever account and region it is deployed to."""
        return cls(Layout(stage, cdk.Aws.ACCOUNT_ID, cdk.Aws.REGION))

    def arn(self, service: str, resource: str) -> str:
        """An ARN in the stage's own account and region."""
        return f"arn:{cdk.Aws.PARTITION}:{service}:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:{resource}"

    def in_any_account(self, service: str, resource: str) -> str:
        """ARNs of a resource in the stage's region, whoever it belongs to."""
        return f"arn:{cdk.Aws.PARTITION}:{service}:{cdk.Aws.REGION}:*:{resource}"

    def role(self, suffix: str) -> str:
        """A role of the stage, e.g. `job`."""
        return f"arn:{cdk.Aws.PARTITION}:iam::{cdk.Aws.ACCOUNT_ID}:role/{self.layout.named(suffix)}"

    def data(self, keys: str = "") -> str:
        """The data bucket, or the objects in it whose keys match `keys`."""
        return _objects(self.layout.data_bucket, keys)

    def artefacts(self, keys: str = "") -> str:
        """The artefact bucket, or the objects in it whose keys match `keys`."""
        return _objects(self.layout.artefact_bucket, keys)

    @property
    def ledger(self) -> str:
        """The table of runs."""
        return self.arn("dynamodb", f"table/{self.layout.ledger_table}")

    @property
    def trigger_queue(self) -> str:
        """The queue of triggers."""
        return self.arn("sqs", self.layout.trigger_queue)

    @property
    def mapping_queue(self) -> str:
        """The queue of mappings to revise."""
        return self.arn("sqs", self.layout.mapping_queue)

    @property
    def topic(self) -> str:
        """The topic of notices."""
        return self.arn("sns", self.layout.named("notices"))

    def function(self, name: str) -> str:
        """A Lambda function, e.g. `unload`."""
        return self.arn("lambda", f"function:{self.layout.function(name)}")

    def pipeline(self, kind: PipelineKind) -> str:
        """A pipeline."""
        return self.arn("sagemaker", f"pipeline/{self.layout.pipeline(kind)}")

    @property
    def pipelines(self) -> list[str]:
        """Every pipeline."""
        return [self.pipeline(kind) for kind in PipelineKind]

    @property
    def shaped_trainings(self) -> str:
        """How the ARNs of training pipelines begin that a team shapes by its settings."""
        return f"{self.pipeline(PipelineKind.TRAINING)}-"

    @property
    def executions(self) -> list[str]:
        """All executions of every pipeline."""
        return [f"{pipeline}/execution/*" for pipeline in (*self.pipelines, f"{self.shaped_trainings}*")]

    @property
    def model_groups(self) -> str:
        """All model package groups of the stage."""
        return self.arn("sagemaker", f"model-package-group/{self.layout.named('*')}")

    @property
    def model_packages(self) -> str:
        """All model packages in groups of the stage."""
        return self.arn("sagemaker", f"model-package/{self.layout.named('*')}/*")

    @property
    def model_parameters(self) -> str:
        """Parameters that say which model of the stage serves."""
        return self.arn("ssm", f"parameter{self.layout.model_parameter('*')}")

    @property
    def workgroups(self) -> str:
        """All Redshift Serverless workgroups: their ARNs end in an id that is not known before they exist."""
        return self.arn("redshift-serverless", "workgroup/*")


def _objects(bucket: str, keys: str) -> str:
    return f"arn:{cdk.Aws.PARTITION}:s3:::{bucket}" + (f"/{keys}" if keys else "")
