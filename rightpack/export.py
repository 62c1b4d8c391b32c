"""Export: a registered model as a folder that another portal can take over, and who serves in Parameter Store.

The same model gives the same bytes, so exporting it again changes nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightpack.endpoint import endpoint_requests
from rightpack.errors import DataError
from rightpack.layout import Layout, split_uri
from rightpack.registry import ModelPackage, Registry
from rightpack.settings.online import Online
from rightpack.topic_model import GROUP as TOPIC_MODELS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ARTEFACT: Final = "model.tar.gz"
CONTRACT: Final = "contract.json"
EXAMPLE: Final = "example-request.csv"
CARD: Final = "MODEL_CARD.md"
CHECKSUMS: Final = "checksums.sha256"
NOBODY: Final = json.dumps({"model": None, "version": None})  # no version is approved
LARGEST_PARAMETER: Final = 4096
TYPES: Final = {"numeric": "double", "categorical": "string", "text": "string"}
EXAMPLES: Final = {"numeric": "1.0", "text": "an example"}
Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Exporter:
    """Exports models of one stage; `ssm` is the client of Parameter Store, `online` what endpoints are to be."""

    layout: Layout
    registry: Registry
    s3: S3Client
    ssm: Any
    online: Online = field(default_factory=Online)

    def publish(self, group: str) -> str | None:
        """Bring export and parameter of a group in line with the version that serves now.

        Returns the parameter's name; None where the group is none of this stage's, or that of topic models, which
        other models hold a copy of. Where no version serves, the parameter says so.
        """
        package_type = group.removeprefix(self.layout.named(""))
        if package_type in (group, TOPIC_MODELS):
            return None
        champion = self.registry.champion(group)
        name = self.layout.model_parameter(package_type)
        if champion is None:
            return self._tell(name, NOBODY)
        if champion.metadata.get("package-type", package_type) != package_type:
            return None  # another stage's group whose name begins like ours
        files = self.package(champion)
        uri = f"s3://{self.layout.artefact_bucket}/{export_prefix(package_type, champion.version)}"
        write_s3(self.s3, files, uri)
        return self._tell(name, serving(champion, files, uri))

    def package(self, model: ModelPackage) -> dict[str, bytes]:
        """Files of an export by name; DataError if the model's own files are gone."""
        return packaged(model, self._read, endpoint_requests(model, self.layout, self.online))

    def _read(self, uri: str) -> bytes:
        bucket, key = split_uri(uri)
        try:
            return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey as error:
            raise DataError(f"A file of the model is not there any more: {uri}") from error

    def _tell(self, name: str, value: str) -> str:
        self.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
        return name


def export_prefix(package_type: str, version: int) -> str:
    """Key prefix, in the artefact bucket, of an exported model."""
    return f"exports/{package_type}/{version}/"


def packaged(model: ModelPackage, read: Read, more: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
    """Files of an export by name, with `more` among them; `read` gives an object by its URI."""
    artefact = read(model.model_data_url)
    inside = text_files(artefact)
    contract = contract_of(inside)
    files = {ARTEFACT: artefact, CONTRACT: _json(contract), EXAMPLE: example(contract).encode(), **(more or {})}
    for name, uri in (("report.html", model.metadata.get("report")), ("statistics.json", model.statistics_uri)):
        if uri:
            files[name] = read(uri)
    files[CARD] = model_card(model, card_of(inside), contract).encode()
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in sorted(files.items())]
    return {**files, CHECKSUMS: ("\n".join(lines) + "\n").encode()}


def text_files(artefact: bytes) -> dict[str, str]:
    """Texts of a `model.tar.gz` of one model, by name within the model's folder; DataError if it is not one."""
    try:
        with tarfile.open(fileobj=io.BytesIO(artefact), mode="r:gz") as opened:
            named = {m.name: opened.extractfile(m) for m in opened if m.isfile() and m.name.endswith(".json")}
            return {name.partition("/")[2]: f.read().decode() for name, f in named.items() if f and "/" in name}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"The model's artefact is not a whole tar.gz: {error}") from error


def contract_of(inside: Mapping[str, str]) -> dict[str, Any]:
    """Raw columns that a request must have, with their types; what else a request may hold is ignored."""
    encoder = json.loads(inside.get("encoder.json", "{}"))
    features, vocabularies = encoder.get("features", {}), encoder.get("vocabularies", {})
    columns = [
        {"name": name, "kind": kind, "type": TYPES[kind], "required": True, "nullable": True}
        | ({"values": vocabularies[name]} if name in vocabularies else {})
        for kind in TYPES
        for name in features.get(kind, [])
    ]
    key = {"name": "product_id", "kind": "key", "type": "string", "required": True, "nullable": False}
    return {"version": 1, "content_types": ["text/csv", "application/x-parquet"], "columns": [key, *columns]}


def card_of(inside: Mapping[str, str]) -> dict[str, Any]:
    """The model's own card."""
    return dict(json.loads(inside.get("card.json", "{}")))


def example(contract: Mapping[str, Any]) -> str:
    """A request of one row, as CSV with a header."""
    values = [_example(column) for column in contract["columns"]]
    return ",".join(column["name"] for column in contract["columns"]) + "\n" + ",".join(values) + "\n"


def _example(column: Mapping[str, Any]) -> str:
    if column["kind"] == "key":
        return "example-1"
    known = column.get("values")
    value = str(known[0]) if known else EXAMPLES.get(column["kind"], "")
    return f'"{value}"' if "," in value else value


def model_card(model: ModelPackage, card: Mapping[str, Any], contract: Mapping[str, Any]) -> str:
    """What the model is, for people, as Markdown."""
    package_type = model.metadata.get("package-type", model.group)
    rows = [
        ("Version", f"{model.version} of `{model.group}`"),
        ("Status", model.status),
        ("Why", model.reason),
        ("Changed by", model.changed_by or "the gate"),
        ("Business date", model.metadata.get("business-date", "")),
        ("Run", model.metadata.get("run-id", "")),
        ("Architecture", card.get("architecture", "")),
        ("Parameters", json.dumps(card.get("parameters", {}), sort_keys=True)),
        ("Code of the architecture", card.get("source") or "built in"),
        ("Trained on", f"{card.get('rows', '?')} labelled products, {card.get('positives', '?')} of them suitable"),
        ("Libraries", ", ".join(f"{name} {version}" for name, version in sorted(card.get("libraries", {}).items()))),
        ("Settings digest", card.get("settings_digest", "")),
    ]
    table = [f"| {name} | {str(value).replace('|', '/')} |" for name, value in rows if value]
    columns = [f"- `{c['name']}`: {c['type']}" for c in contract["columns"]]
    return "\n".join(
        [
            f"# Model of {package_type}, version {model.version}",
            "",
            "Tells how likely it is that a product arrives whole in this packaging, from 0 to 1, by row.",
            "",
            "| | |",
            "|---|---|",
            *table,
            "",
            "## Request",
            "",
            f"CSV with a header or Parquet; `{EXAMPLE}` is one. Empty values are missing ones. Columns:",
            "",
            *columns,
            "",
            "## Limits",
            "",
            (
                "Learned from products like those of the business date above: for another assortment, train again. "
                "`report.html` shows how good it is and for which products it was checked."
            ),
            "",
        ]
    )


def serving(model: ModelPackage, files: Mapping[str, bytes], uri: str) -> str:
    """Value of the parameter: name, version and settings of the model that serves, and where its export lies."""
    card = card_of(text_files(files[ARTEFACT]))
    content = {
        "model": model.arn,
        "version": model.version,
        "approved_at": model.approved_at.isoformat(timespec="seconds"),
        "export": uri,
        "sha256": hashlib.sha256(files[ARTEFACT]).hexdigest(),
        "image": model.image,
        "architecture": card.get("architecture", ""),
        "settings_digest": card.get("settings_digest", ""),
        "parameters": card.get("parameters", {}),
    }
    text = json.dumps(content, sort_keys=True)
    return text if len(text) <= LARGEST_PARAMETER else json.dumps({**content, "parameters": None}, sort_keys=True)


def write_s3(s3: S3Client, files: Mapping[str, bytes], uri: str) -> None:
    """Write files below an S3 prefix; checksums last, so that an export with them is whole."""
    bucket, prefix = split_uri(uri)
    base = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
    for name in sorted(files, key=lambda n: (n == CHECKSUMS, n)):
        s3.put_object(Bucket=bucket, Key=base + name, Body=files[name])


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()
