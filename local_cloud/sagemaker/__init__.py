"""SageMaker of the local cloud: pipelines, jobs and registry, really run on this machine."""

from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.service import SageMaker

__all__ = ["Options", "SageMaker"]
