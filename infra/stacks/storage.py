"""What remembers: buckets, their key, the ledger and the model registry. Deleting the stack deletes none of it."""

from __future__ import annotations

from collections.abc import Sequence

from constructs import Construct

from infra.acknowledgements import OF_THE_STACK, acknowledge
from infra.constructs.data_key import DataKey
from infra.constructs.model_groups import ModelGroups
from infra.constructs.private_bucket import PrivateBucket
from infra.constructs.reader import Reader
from infra.constructs.run_ledger import RunLedger
from infra.stacks.stage_stack import StageStack
from infra.stages import Stage
from rightpack.layout import Stack, key_alias
from rightpack.topic_model import GROUP as TOPIC_MODELS


class StorageStack(StageStack):
    """The stage's memory, and what the next stage may read of it."""

    def __init__(self, scope: Construct, stage: Stage, *, package_types: Sequence[str]) -> None:
        super().__init__(scope, stage, Stack.STORAGE, description="buckets, key, ledger, model registry")
        reader = Reader.of(self, stage.deployment.promotes_to)
        layout = self.arns.layout
        key = DataKey(self, "Key", alias=key_alias(layout.stage), reader=reader)
        PrivateBucket(self, "Data", name=layout.data_bucket, key=key, expiring=["drops/", "loads/"], announces=True)
        # Models and their reports lie below runs/training/ and are never expired: the registry only points at them.
        artefacts = PrivateBucket(self, "Artefacts", name=layout.artefact_bucket, key=key, expiring=["runs/inference/"])
        if reader:
            artefacts.add_to_resource_policy(reader.may("s3:GetObject", on=self.arns.artefacts("runs/training/*")))
        RunLedger(self, "Ledger", name=layout.ledger_table)
        ModelGroups(self, "Models", arns=self.arns, package_types=[*package_types, TOPIC_MODELS], reader=reader)
        acknowledge(self, OF_THE_STACK)
