"""Service Quotas: how many machines of a type SageMaker jobs may have; generous, and nobody is held to them."""

from __future__ import annotations

from collections.abc import Mapping

from local_cloud.host import Host
from local_cloud.wire import AwsError, Call, Json, Operation

_FAMILIES = ("m5", "c5", "r5", "m6i", "c6i", "m7i")
_SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge")
_USAGES = ("processing job", "training job", "transform job")
_GENEROUS = 20.0


class Quotas:
    """The service `service-quotas` for SageMaker; `values` are quotas by name, which tests may change."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.values = {
            f"ml.{family}.{size} for {usage} usage": _GENEROUS
            for family in _FAMILIES
            for size in _SIZES
            for usage in _USAGES
        }

    @property
    def signing_name(self) -> str:
        """Name in the SigV4 scope."""
        return "servicequotas"

    def operations(self) -> Mapping[str, Operation]:
        """The operations that are simulated."""
        return {"ListServiceQuotas": self._list}

    def _list(self, _call: Call, request: Json) -> Json:
        if request["ServiceCode"] != "sagemaker":
            raise AwsError("NoSuchResourceException", f"There are no quotas of {request['ServiceCode']} here.")
        names, start = sorted(self.values), int(request.get("NextToken") or 0)
        end = start + int(request.get("MaxResults") or 100)
        more = {"NextToken": str(end)} if end < len(names) else {}
        return {"Quotas": [self._quota(name) for name in names[start:end]], **more}

    def _quota(self, name: str) -> Json:
        named = {"ServiceCode": "sagemaker", "ServiceName": "Amazon SageMaker", "QuotaName": name}
        return {**named, "Value": self.values[name], "Unit": "None", "Adjustable": True, "GlobalQuota": False}
