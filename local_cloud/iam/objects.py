"""What a request to S3 needs, read from its path, its query and its headers."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote

from local_cloud.iam.evaluation import Need
from local_cloud.wire import NotSimulatedError

_OBJECT = {
    ("GET", "tagging"): "GetObjectTagging",
    ("PUT", "tagging"): "PutObjectTagging",
    ("DELETE", "tagging"): "DeleteObjectTagging",
    ("GET", "acl"): "GetObjectAcl",
    ("PUT", "acl"): "PutObjectAcl",
    ("GET", "attributes"): "GetObjectAttributes",
    ("GET", "uploadId"): "ListMultipartUploadParts",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "retention"): "GetObjectRetention",
    ("GET", "legal-hold"): "GetObjectLegalHold",
}
_BUCKET = {
    "versions": "ListBucketVersions",
    "uploads": "ListBucketMultipartUploads",
    "location": "GetBucketLocation",
    "versioning": "GetBucketVersioning",
    "policy": "GetBucketPolicy",
    "encryption": "GetEncryptionConfiguration",
    "notification": "GetBucketNotification",
    "lifecycle": "GetLifecycleConfiguration",
    "tagging": "GetBucketTagging",
    "publicAccessBlock": "GetBucketPublicAccessBlock",
}
_PLAIN = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}
_LISTING = {"list-type", "prefix", "delimiter", "max-keys", "continuation-token", "encoding-type", "start-after"} | {
    *("marker", "fetch-owner", "x-id", "key-marker", "version-id-marker"),
}


def needs(environ: dict[str, Any]) -> list[Need]:
    """Permissions of one request.

    Raises:
        NotSimulatedError: An operation on buckets that is not in the list.
    """
    bucket, _, key = str(environ.get("PATH_INFO", "")).encode("latin-1").decode().lstrip("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    method = environ["REQUEST_METHOD"]
    if not bucket:
        return [Need("s3:ListAllMyBuckets", "*")]
    if not key:
        return _of_bucket(method, bucket, query)
    return _of_object(method, f"{bucket}/{key}", query) + _source(environ)


def read(bucket: str, key: str) -> Need:
    """Reading an object."""
    return Need("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")


def write(bucket: str, key: str) -> Need:
    """Storing an object."""
    return Need("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")


def remove(bucket: str, key: str) -> Need:
    """Deleting an object."""
    return Need("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{key}")


def find(bucket: str, prefix: str) -> Need:
    """Listing what is under a prefix."""
    return Need("s3:ListBucket", f"arn:aws:s3:::{bucket}", (("s3:prefix", (prefix,)),))


def _of_object(method: str, path: str, query: dict[str, list[str]]) -> list[Need]:
    special = next((_OBJECT[method, name] for name in query if (method, name) in _OBJECT), None)
    action = special or _PLAIN[method]
    if "versionId" in query and not special:
        action = action.replace("Object", "ObjectVersion")
    found = [Need(f"s3:{action}", f"arn:aws:s3:::{path}")]
    return [*found, read(*path.split("/", 1))] if action == "GetObjectAttributes" else found


def _source(environ: dict[str, Any]) -> list[Need]:
    """The object that a copy reads."""
    source = unquote(str(environ.get("HTTP_X_AMZ_COPY_SOURCE", ""))).lstrip("/")
    if not source:
        return []
    path, _, version = source.partition("?versionId=")
    return [Need("s3:GetObjectVersion" if version else "s3:GetObject", f"arn:aws:s3:::{path}")]


def _of_bucket(method: str, bucket: str, query: dict[str, list[str]]) -> list[Need]:
    resource = f"arn:aws:s3:::{bucket}"
    if method == "POST" and "delete" in query:
        return [Need("s3:DeleteObject", f"{resource}/*")]  # which objects is said in the body, which moto streams
    special = set(query) - _LISTING
    if method in {"GET", "HEAD"} and not special:
        return [find(bucket, query.get("prefix", [""])[0])]
    action = next((_BUCKET[name] for name in special if name in _BUCKET), None)
    if method == "GET" and action:
        return [Need(f"s3:{action}", resource)]
    if not special and method in {"PUT", "DELETE"}:
        return [Need("s3:CreateBucket" if method == "PUT" else "s3:DeleteBucket", resource)]
    raise NotSimulatedError(f"the permissions of {method} {sorted(query)} on a bucket")
