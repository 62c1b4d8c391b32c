"""All of Redshift in one account: its services on the same databases."""

from __future__ import annotations

from local_cloud.host import Host
from local_cloud.redshift.clusters import RedshiftClusters
from local_cloud.redshift.runner import Faults
from local_cloud.redshift.serverless import RedshiftServerless
from local_cloud.redshift.service import RedshiftData


class RedshiftAccount:
    """Makes the services of a cloud; those that need the wire protocol share the one of the Data API.

    `faults` are for tests of what goes wrong; they strike both ways to a database.
    """

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults
        self._made: RedshiftData | None = None

    def data_api(self, host: Host) -> RedshiftData:
        """The Data API."""
        self._made = self._made or RedshiftData(host, faults=self._faults)
        return self._made

    def serverless(self, host: Host) -> RedshiftServerless:
        """Workgroups and their passwords."""
        return RedshiftServerless(host, self.data_api(host).wire)

    def clusters(self, host: Host) -> RedshiftClusters:
        """Clusters and their passwords."""
        return RedshiftClusters(self.data_api(host).wire)
