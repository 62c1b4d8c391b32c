"""A SageMaker SDK session that makes no call: no AWS, no upload, no telemetry, no file of the person who renders."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

# Set around the render and nowhere else: our modules stay importable without a region, and a process that renders
# and then talks to AWS talks to its own account again.
ENVIRONMENT: Final = {
    "AWS_DEFAULT_REGION": "us-east-1",  # the SDK makes boto3 clients in class bodies, so it must be there before import
    "SAGEMAKER_VALIDATE_ROLE": "false",  # otherwise every trainer and builder calls iam:SimulatePrincipalPolicy
    "AWS_ACCESS_KEY_ID": "offline",  # ends the search for credentials before it asks the metadata service
    "AWS_SECRET_ACCESS_KEY": "offline",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,  # a profile, region or endpoint of the person who renders must not matter
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
UNSET: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")

# Given as a dictionary, it also keeps the SDK from reading configuration files that would add tags, keys or networks.
NO_TELEMETRY: Final = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}


@contextmanager
def offline_environment() -> Iterator[None]:
    """Import and use the SDK inside this block; the environment is as before afterwards."""
    before = dict(os.environ)
    for name in UNSET:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # the SDK greets, counts and warns about a step it will not start
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of third parties: pydantic and the SDK's own deprecations
            yield
    finally:
        logging.disable(level)
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def offline_session() -> Iterator[Any]:
    """Pipeline session that records requests; needs `offline_environment`.

    The SDK validates the session's configuration again at every look-up, 175 times for two pipelines, which is nine
    tenths of a render's time. Inside this block it does so once, when the session is made.
    """
    from sagemaker.core.config.config_manager import SageMakerConfig
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    session = PipelineSession(default_bucket="stand-in-nothing-is-uploaded", sagemaker_config=NO_TELEMETRY)
    with patch.object(SageMakerConfig, "validate_sagemaker_config"):
        yield session
