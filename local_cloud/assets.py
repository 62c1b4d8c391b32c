"""What `cdk bootstrap` and CDK's publishing of assets do, as far as a template asks: version, bucket, files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_cloud import backends
from local_cloud.account import ACCOUNT, REGION
from local_cloud.clients import Clients
from local_cloud.objects import Objects

_BUCKET = re.compile(r"cdk-([a-z0-9]+)-assets-")
_VERSION = re.compile(r"/cdk-bootstrap/[a-z0-9]+/version")


@dataclass(frozen=True, slots=True)
class Assets:
    """Publishes files; one that is there already is left alone."""

    clients: Clients
    objects: Objects

    def publish(self, template: str, files: Mapping[str, Path]) -> None:
        """Put the files, by key, into the bucket that the template names, if it names one."""
        for name in set(_VERSION.findall(template)):
            self.clients.admin("ssm").put_parameter(Name=name, Value="30", Type="String", Overwrite=True)
        qualifier = _BUCKET.search(template)
        if not qualifier:
            return
        bucket = f"cdk-{qualifier[1]}-assets-{ACCOUNT}-{REGION}"
        self.clients.admin("s3").create_bucket(Bucket=bucket)
        for key, path in files.items():
            if not self.objects.has(bucket, key, path):
                self.objects.upload(bucket, key, path)
                self._renew(bucket, key)

    def _renew(self, bucket: str, key: str) -> None:
        """Give new code to the functions that have it from there: templates name it by a key that never changes."""
        for function in backends.functions().list_functions():
            if (function.code.get("S3Bucket"), function.code.get("S3Key")) == (bucket, key):
                source = {"S3Bucket": bucket, "S3Key": key}
                self.clients.admin("lambda").update_function_code(FunctionName=function.function_name, **source)
