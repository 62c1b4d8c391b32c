"""The one account of the local cloud: what a signed request may say about itself."""

from __future__ import annotations

ACCOUNT = "123456789012"
REGION = "us-east-1"
ADMIN_KEY = "AKIAIOSFODNN7EXAMPLE"
ADMIN_SECRET = "secret"  # noqa: S105 - the documented key of a cloud that only this machine can reach


def admin_environment(url: str) -> dict[str, str]:
    """Environment variables with which a program uses the local cloud at `url` as its administrator."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ADMIN_KEY,
        "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
