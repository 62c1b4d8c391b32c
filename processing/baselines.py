"""What today's products are compared with: the catalogue as it was when a model was trained, or its training rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rightpack.layout import CATALOGUES, Layout, catalogue_key, split_uri
from rightpack.registry import ModelPackage


@dataclass(frozen=True, slots=True)
class Baseline:
    """A frozen profile: where it lies, of which business date, its columns; `products` is None for training rows."""

    uri: str
    business_date: str
    columns: Mapping[str, Any]
    products: int | None


class Baselines:
    """Profiles that were kept in the artefact bucket."""

    def __init__(self, s3: Any, layout: Layout) -> None:
        self._s3, self._bucket = s3, layout.artefact_bucket
        self._read: dict[str, Baseline] = {}

    def training(self, package: ModelPackage) -> Baseline | None:
        """Profile of the rows that a model has learned from; None for models registered without one."""
        uri = package.metadata.get("baseline", "")
        return self._fetch(uri) if uri else None

    def catalogue(self, package: ModelPackage) -> Baseline | None:
        """The last whole catalogue up to the model's business date, else the oldest; None before there is any."""
        day = package.metadata.get("business-date") or package.created.date().isoformat()
        dates = self._catalogues
        known = [date for date in dates if date <= day] or dates[:1]
        return self._fetch(f"s3://{self._bucket}/{catalogue_key(known[-1])}") if known else None

    def keep(self, profile: Mapping[str, Any]) -> None:
        """Keep the profile of a whole catalogue for later; the first one of a business date stays."""
        key, body = catalogue_key(profile["business_date"]), json.dumps(profile, sort_keys=True).encode()
        if profile["business_date"] not in self._catalogues:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    @cached_property
    def _catalogues(self) -> list[str]:
        """Business dates of the catalogues that were kept before this run, oldest first."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=CATALOGUES)
        keys = [str(item["Key"]) for page in pages for item in page.get("Contents", [])]
        return sorted(key.removeprefix(CATALOGUES).removesuffix(".json") for key in keys)

    def _fetch(self, uri: str) -> Baseline:
        if uri not in self._read:
            bucket, key = split_uri(uri)
            raw = json.loads(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            self._read[uri] = Baseline(uri, raw["business_date"], raw["columns"], raw.get("products"))
        return self._read[uri]
