"""Script mode: what AWS's framework images do with the hyperparameter `sagemaker_program`, the user's own script.

A tuning job has no entry point of its own, so the SDK's `source_code` reaches its trials in this way only.
"""

from __future__ import annotations

import json
from typing import Any

from local_cloud.sagemaker.archives import unpack
from local_cloud.sagemaker.staging import Staging, bucket_and_key
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json

_PROGRAM = "sagemaker_program"
_SUBMITTED = "sagemaker_submit_directory"
_CODE = "/opt/ml/code"
_OWN = ("sagemaker_", "_tuning_objective_metric")  # hyperparameters of the toolkit, not of the script


def script_command(request: Json) -> list[str]:
    """Command of a training request that names a script; empty when it names none."""
    hyperparameters = request.get("HyperParameters", {})
    if _PROGRAM not in hyperparameters:
        return []
    words = [word for name, value in sorted(hyperparameters.items()) for word in _argument(name, value)]
    return ["python", f"{_CODE}/{_decoded(hyperparameters[_PROGRAM])}", *words]


def prepare_script(host: Workspace, request: Json, staging: Staging) -> None:
    """Unpack the submitted folder of a training request to /opt/ml/code; nothing where none was submitted."""
    hyperparameters = request.get("HyperParameters", {})
    if _PROGRAM not in hyperparameters or _SUBMITTED not in hyperparameters:
        return
    archive = host.folder / "sourcedir.tar.gz"
    staging.objects.download(*bucket_and_key(_decoded(hyperparameters[_SUBMITTED])), archive)
    unpack(archive, host.local(_CODE))
    archive.unlink()


def script_environment(request: Json, hosts: list[str], host: str) -> dict[str, str]:
    """The SM_* variables a script reads; none without a script."""
    if _PROGRAM not in request.get("HyperParameters", {}):
        return {}
    hyperparameters = {
        name: _decoded(value) for name, value in request.get("HyperParameters", {}).items() if not name.startswith(_OWN)
    }
    channels = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    named = {f"SM_CHANNEL_{name.upper().replace('-', '_')}": f"/opt/ml/input/data/{name}" for name in channels}
    return {
        "SM_MODEL_DIR": "/opt/ml/model",
        "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
        "SM_INPUT_DIR": "/opt/ml/input",
        "SM_CHANNELS": json.dumps(sorted(channels)),
        "SM_HPS": json.dumps(hyperparameters, sort_keys=True),
        "SM_HOSTS": json.dumps(hosts),
        "SM_CURRENT_HOST": host,
        "SM_NUM_CPUS": "1",
        "SM_NUM_GPUS": "0",
        **named,
        **{f"SM_HP_{name.upper().replace('-', '_')}": _text(value) for name, value in hyperparameters.items()},
    }


def _argument(name: str, value: str) -> tuple[str, ...]:
    return () if name.startswith(_OWN) else (f"--{name}", _text(_decoded(value)))


def _decoded(value: str) -> Any:
    """Read a hyperparameter: JSON where it is JSON, as the toolkit does, else the text itself."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
