"""The hosts of a job: their names, their share of the data, and what the service tells each about the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local_cloud.sagemaker.mounts import HOSTS_FILE
from local_cloud.sagemaker.staging import Staging
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json

_GROUP = "homogeneousCluster"
_SHARDED = "ShardedByS3Key"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The hosts algo-1 to algo-n of one job, all on this machine."""

    workspaces: tuple[Workspace, ...]
    instance_type: str

    @classmethod
    def create(cls, workspace: Workspace, resources: Json) -> Cluster:
        """Make the folders of every host that `InstanceCount` of a resource configuration asks for."""
        count = resources.get("InstanceCount", 1)
        cluster = cls(tuple(workspace.on(number) for number in range(1, count + 1)), resources.get("InstanceType", ""))
        for host in cluster.workspaces:
            host.ml.mkdir(parents=True, exist_ok=True)
        if count > 1:
            cluster._name_hosts()
        return cluster

    @property
    def hosts(self) -> list[str]:
        """Names of the hosts."""
        return [workspace.host for workspace in self.workspaces]

    def resources(self, host: str) -> Json:
        """Content of a processing job's resourceconfig.json on `host`."""
        return {"current_host": host, "hosts": self.hosts}

    def training_resources(self, host: str) -> Json:
        """Content of a training job's resourceconfig.json on `host`."""
        group = {"instance_group_name": _GROUP, "instance_type": self.instance_type, "hosts": self.hosts}
        return {
            **self.resources(host),
            "current_instance_type": self.instance_type,
            "current_group_name": _GROUP,
            "instance_groups": [group],
            "network_interface_name": "lo",
        }

    def stage(self, staging: Staging, source: Json, container_path: str) -> None:
        """Copy an S3 input to every host: all of it, or every n-th object when it is sharded by key."""
        sharded = source.get("S3DataDistributionType") == _SHARDED
        for place, workspace in enumerate(self.workspaces):
            of = (place, len(self.workspaces)) if sharded else (0, 1)
            staging.download(source["S3Uri"], workspace.local(container_path), share=of)

    def _name_hosts(self) -> None:
        """Give each host an address on the loopback network; seen where jobs have mounts of their own."""
        system = Path("/etc/hosts")
        known = system.read_text(encoding="utf-8") if system.exists() else "127.0.0.1 localhost\n"
        lines = [f"127.0.0.{number} {host}" for number, host in enumerate(self.hosts, start=1)]
        for workspace in self.workspaces:
            (workspace.folder / HOSTS_FILE).write_text("\n".join([known.rstrip(), *lines, ""]), encoding="utf-8")
