"""S3 as a role sees it: the object store of the services, with the role's permissions asked first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local_cloud.host import ObjectStore, StoredObject
from local_cloud.iam import objects
from local_cloud.iam.authority import Authority


@dataclass(frozen=True, slots=True)
class RoleObjects:
    """An `ObjectStore` that does everything in the name of `role`; `AwsError` (AccessDenied) where it may not."""

    store: ObjectStore
    authority: Authority
    role: str

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """Objects whose key starts with `prefix`, in key order."""
        self.authority.require(self.role, objects.find(bucket, prefix))
        return self.store.list(bucket, prefix)

    def read(self, bucket: str, key: str) -> bytes:
        """The whole object."""
        self.authority.require(self.role, objects.read(bucket, key))
        return self.store.read(bucket, key)

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Write the object to `path`, creating its folder."""
        self.authority.require(self.role, objects.read(bucket, key))
        self.store.download(bucket, key, path)

    def write(self, bucket: str, key: str, body: bytes) -> None:
        """Store `body`; raises the bucket's events as a PutObject would."""
        self.authority.require(self.role, objects.write(bucket, key))
        self.store.write(bucket, key, body)

    def upload(self, bucket: str, key: str, path: Path) -> None:
        """Store the file at `path`; raises the bucket's events as a PutObject would."""
        self.authority.require(self.role, objects.write(bucket, key))
        self.store.upload(bucket, key, path)

    def delete(self, bucket: str, key: str) -> None:
        """Remove the object if it is there."""
        self.authority.require(self.role, objects.remove(bucket, key))
        self.store.delete(bucket, key)
