"""Fetch a registered model's artefact and unpack it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from processing.artefact import unpack
from rightpack.layout import split_uri
from rightpack.registry import ModelPackage


def fetch(package: ModelPackage, s3: Any, folder: Path) -> Path:
    """Download `model.tar.gz` of `package` below `folder`; the folder of its unpacked files."""
    bucket, key = split_uri(package.model_data_url)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "model.tar.gz"
    with archive.open("wb") as target:
        shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=key)["Body"], target)
    return unpack(archive, folder / "model")
