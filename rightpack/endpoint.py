"""What an endpoint of a registered model needs: requests for `aws sagemaker create-... --cli-input-json file://...`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from rightpack.layout import Layout
from rightpack.registry import ModelPackage
from rightpack.settings.online import Online

MODEL: Final = "create-model.json"
CONFIG: Final = "create-endpoint-config.json"
VARIANT: Final = "all"


def endpoint_requests(model: ModelPackage, layout: Layout, online: Online) -> dict[str, bytes]:
    """Requests by file name, CreateModel first; none where the settings name no machine.

    The container is the registered one, and reads the registered artefact with the job role of the stage.
    """
    if not online.instance_type:
        return {}
    name, partition = f"{model.group}-{model.version}", model.arn.split(":")[1]
    variant = {
        "VariantName": VARIANT,
        "ModelName": name,
        "InstanceType": online.instance_type,
        "InitialInstanceCount": online.instances,
    }
    requests: Mapping[str, Mapping[str, Any]] = {
        MODEL: {
            "ModelName": name,
            "ExecutionRoleArn": f"arn:{partition}:iam::{layout.account}:role/{layout.named('job')}",
            "PrimaryContainer": {"Image": model.image, "ModelDataUrl": model.model_data_url},
        },
        CONFIG: {"EndpointConfigName": name, "ProductionVariants": [variant]},
    }
    return {file: (json.dumps(request, indent=1, sort_keys=True) + "\n").encode() for file, request in requests.items()}
