"""Warehouse statements: plain Redshift SQL from `sql/*.sql`, filled with checked names and quoted values.

The Data API's own parameters cannot stand for identifiers, S3 paths or text inside UNLOAD, so values are quoted here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Final

from rightpack.errors import SettingsError
from rightpack.overrides import Override
from rightpack.packaging import UNBOUNDED, PackageType
from rightpack.settings import Features, Labels, Settings, Slicing

SQL: Final = Path(__file__).with_name("sql")
IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]{0,126}")
COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
# A semicolon ends a statement, unless it stands in a text, a quoted name or a comment, which come whole here.
TOKEN: Final = re.compile(rf"'[^']*'|\"[^\"]*\"|{COMMENT.pattern}|;", re.DOTALL)
CORE_PRODUCT_COLUMNS: Final = (
    ("product_id", "VARCHAR(64)"),
    ("length_cm", "DOUBLE PRECISION"),
    ("width_cm", "DOUBLE PRECISION"),
    ("height_cm", "DOUBLE PRECISION"),
    ("weight_g", "DOUBLE PRECISION"),
    ("price", "DOUBLE PRECISION"),
    ("is_liquid", "DOUBLE PRECISION"),
)
PRODUCT_TIMES: Final = (("first_seen_at", "TIMESTAMP"), ("updated_at", "TIMESTAMP"), ("is_active", "SMALLINT"))
FEEDBACK_COLUMNS: Final = (
    ("feedback_id", "VARCHAR(64)"),
    ("product_id", "VARCHAR(64)"),
    ("package_type", "VARCHAR(41)"),
    ("package_type_version", "INTEGER"),
    ("source", "VARCHAR(24)"),
    ("n_units", "INTEGER"),
    ("n_bad", "INTEGER"),
    ("observed_at", "TIMESTAMP"),
    ("ingested_at", "TIMESTAMP"),
)
LABEL_COLUMNS: Final = (
    ("label_id", "VARCHAR(128)"),
    ("product_id", "VARCHAR(64)"),
    ("package_type", "VARCHAR(41)"),
    ("package_type_version", "INTEGER"),
    ("suitable", "SMALLINT"),
    ("weight", "DOUBLE PRECISION"),
    ("source", "VARCHAR(24)"),
    ("observed_at", "TIMESTAMP"),
)
DERIVED_SOURCES: Final = ("lab_test", "andon", "feedback", "propagated")  # labels that `derive_labels` replaces

UNDECIDED: Final = """
  AND (r.product_id IS NULL OR o.decided_at > r.decided_at
       OR (o.product_id IS NULL AND r.rule IN ('override-force', 'override-forbid')))"""

Columns = Sequence[tuple[str, str]]


def identifier(name: str) -> str:
    """Return `name` if it may stand unquoted in SQL, else raise SettingsError."""
    if not IDENTIFIER.fullmatch(name):
        raise SettingsError(f"{name!r} cannot be a column or table name: lower-case letters, digits and underscores.")
    return name


def quoted(value: str | float | dt.date) -> str:
    """`value` as an SQL literal."""
    if isinstance(value, int | float):
        return repr(value)
    text = value.isoformat() if isinstance(value, dt.date) else value
    if "\\" in text or "\0" in text:
        raise SettingsError(f"{text!r} cannot stand in SQL text: no backslash, no NUL.")
    return "'" + text.replace("'", "''") + "'"


@cache
def _template(name: str) -> str:
    return (SQL / f"{name}.sql").read_text()


def statements(name: str, **parts: str) -> list[str]:
    """Statements of `sql/<name>.sql` with `${part}` filled in; `parts` must already be checked or quoted."""
    return _split(Template(_template(name)).substitute(parts))


def _split(text: str) -> list[str]:
    """Statements of `text` without their semicolons; what holds nothing but comments is none."""
    ends = [found.start() for found in TOKEN.finditer(text) if found.group() == ";"]
    begins = [0, *(end + 1 for end in ends)]
    pieces = [text[begin:end] for begin, end in zip(begins, [*ends, len(text)], strict=True)]
    return [piece.strip() for piece in pieces if COMMENT.sub("", piece).strip()]


def product_columns(features: Features) -> list[tuple[str, str]]:
    """Columns of the products table, in order: the core, what models see, what is carried along, times."""
    columns = dict(CORE_PRODUCT_COLUMNS)
    kinds = (
        (features.numeric, "DOUBLE PRECISION"),
        (features.categorical, "VARCHAR(128)"),
        (features.text, "VARCHAR(2000)"),
        (features.carried, "VARCHAR(256)"),
    )
    for names, sql_type in kinds:
        columns.update({identifier(n): sql_type for n in names if n not in columns})
    return [*columns.items(), *PRODUCT_TIMES]


def scored_columns(features: Features) -> list[str]:
    """Columns that an inference drop carries beside product_id: what models see and what the fit filter needs."""
    core = [name for name, _ in CORE_PRODUCT_COLUMNS[1:]]
    return [identifier(name) for name in dict.fromkeys([*features.raw, *core])]


def schema_statements(settings: Settings) -> list[str]:
    """Everything the warehouse must hold; running it again changes nothing but the package types."""
    schema = identifier(settings.warehouse.schema)
    columns = ",\n    ".join(
        f"{name} {kind}{' NOT NULL' if name == 'product_id' else ''}"
        for name, kind in product_columns(settings.features)
    )
    names = ", ".join(name for name, _ in product_columns(settings.features))
    found = statements("schema", schema=schema, product_columns=columns, product_names=names)
    return found + [s for t in settings.package_types for s in _package_type(schema, t)]


def _package_type(schema: str, package_type: PackageType) -> list[str]:
    length, width, height = sorted(package_type.max_sides_cm, reverse=True)
    return statements(
        "set_package_type",
        schema=schema,
        package_type=quoted(package_type.name),
        version=quoted(package_type.version),
        rank=quoted(package_type.rank),
        max_length_cm=quoted(length),
        max_width_cm=quoted(width),
        max_height_cm=quoted(height),
        max_weight_g=quoted(package_type.max_weight_g),
        allows_liquid=quoted(int(package_type.allows_liquid)),
        trained=quoted(int(package_type.trained)),
        cushion_mm=quoted(package_type.cushion_mm),
        cost_fixed=quoted(package_type.cost_fixed),
        cost_per_dm2=quoted(package_type.cost_per_dm2),
        grams_per_dm2=quoted(package_type.grams_per_dm2),
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A table that people load: its key, the column that tells which row is newer, whether old rows are kept."""

    name: str
    columns: Columns
    key: str
    newest: str
    append_only: bool = False
    has_history: bool = False


def table_named(name: str, settings: Settings) -> Table:
    """The loadable table called `products`, `labels` or `feedback`."""
    tables = {
        "products": Table("products", product_columns(settings.features), "product_id", "updated_at", has_history=True),
        "labels": Table("packaging_labels", LABEL_COLUMNS, "label_id", "observed_at"),
        "feedback": Table("packaging_feedback", FEEDBACK_COLUMNS, "feedback_id", "ingested_at", append_only=True),
    }
    return tables[name]


def copy_rows(table: Table, manifest: str, *, schema: str, role: str) -> list[str]:
    """Load the files of a COPY manifest: append raw events, replace rows of the same key otherwise.

    Products that change are kept as they were in `products_history`.
    """
    names = ", ".join(identifier(name) for name, _ in table.columns)
    parts = {"schema": identifier(schema), "table": identifier(table.name), "columns": names}
    parts |= {"manifest": quoted(manifest), "role": quoted(role)}
    if table.append_only:
        return statements("append_rows", **parts)
    parts |= {"key": identifier(table.key), "newest": identifier(table.newest)}
    history = _keep_history(table, schema) if table.has_history else ""
    return statements("upsert_rows", **parts, history=history)


def _keep_history(table: Table, schema: str) -> str:
    """Statement that files the old version of each product that the staged rows change."""
    names = [identifier(name) for name, _ in table.columns]
    times = {name for name, _ in PRODUCT_TIMES}
    values = [name for name in names if name not in times and name != table.key]
    same = " AND ".join(f"(p.{n} = s.{n} OR (p.{n} IS NULL AND s.{n} IS NULL))" for n in values)
    old = ", ".join(f"p.{name}" for name in names)
    filled = statements("keep_history", schema=schema, columns=", ".join(names), old_columns=old, same=same)
    return f"{filled[0]};\n\n"


def derive_labels(package_type: str, as_of: dt.date, settings: Settings) -> list[str]:
    """Turn the feedback known at the end of `as_of` into labels of one package type.

    A failed laboratory test counts first, then an andon since the last passed test, then the posterior of shipments;
    what other types tell about products without a label of their own comes last (`labels.propagated_weight`).
    """
    labels = settings.labels
    return statements(
        "derive_labels",
        schema=identifier(settings.warehouse.schema),
        package_type=quoted(package_type),
        as_of=quoted(as_of),
        received=_received(as_of, settings.warehouse.schema),
        derived=", ".join(quoted(source) for source in DERIVED_SOURCES),
        unbounded=quoted(UNBOUNDED),
        **_rule(labels),
        **_cells(settings.gate.slicing, settings.features),
    )


def _rule(labels: Labels) -> dict[str, str]:
    return {
        "damage_limit": quoted(labels.damage_limit),
        "reporting_rate": quoted(labels.reporting_rate),
        "prior_bad": quoted(labels.prior_bad),
        "prior_shipped": quoted(labels.prior_shipped),
        "minimum_shipped": quoted(labels.minimum_shipped),
        "propagated_weight": quoted(labels.propagated_weight),
        "propensity_prior": quoted(labels.propensity_prior),
        "least_weight": quoted(1 / labels.max_propensity_weight),
        "greatest_weight": quoted(labels.max_propensity_weight),
    }


def _cells(slicing: Slicing, features: Features) -> dict[str, str]:
    """Category and weight band as the gate slices them; a shop without the category column has bands alone."""
    known = {name for name, _ in product_columns(features)}
    category = identifier(slicing.category) if slicing.category in known else quoted("")
    bands = [f"WHEN c.weight_g < {quoted(edge)} THEN {place}" for place, edge in enumerate(slicing.weight_edges)]
    last = f"WHEN c.weight_g IS NOT NULL THEN {len(bands)}"
    return {"category": category, "bands": " ".join([*bands, last])}


def training_rows(
    package_type: str, as_of: dt.date, features: Features, *, schema: str, labels: Labels | None = None
) -> str:
    """Query for all labelled rows of a package type known at the end of `as_of`, with counts of reported damage.

    Features are those of the product when its label was observed.
    """
    columns, versions = (", ".join(f"{t}.{identifier(name)}" for name in features.raw) for t in "pv")
    days = quoted((labels or Labels()).recent_days)
    parts = {"schema": identifier(schema), "columns": columns, "version_columns": versions, "recent_days": days}
    parts |= {"package_type": quoted(package_type), "as_of": quoted(as_of)}
    return statements("training_rows", **parts, received=_received(as_of, schema, package_type))[0]


def damage_rows(as_of: dt.date, settings: Settings) -> str:
    """Query for the evidence on damage known at the end of `as_of`: a row per product and package type that has any.

    Counts are of the types' current versions: units shipped and reported damaged, tested and failed. Features are those
    of the product at the end of the day.
    """
    columns = scored_columns(settings.features)
    return statements(
        "damage_rows",
        schema=identifier(settings.warehouse.schema),
        columns=", ".join(f"p.{name}" for name in columns),
        plain_columns=", ".join(columns),
        recent_days=quoted(settings.labels.recent_days),
        as_of=quoted(as_of),
        received=_received(as_of, settings.warehouse.schema),
    )[0]


def _received(as_of: dt.date, schema: str, package_type: str | None = None) -> str:
    """Subquery for every version of the feedback known at the end of `as_of`; `place` is 1 for the one that counts."""
    condition = "" if package_type is None else f" AND package_type = {quoted(package_type)}"
    parts = {"schema": identifier(schema), "as_of": quoted(as_of), "condition": condition}
    return Template(_template("received")).substitute(parts)


def inference_rows(mode: str, as_of: dt.date, features: Features, *, schema: str) -> str:
    """Query for the products to score, with their present recommendation and what people decided about them.

    `monthly` takes all active products, `daily` those without a recommendation and those about which people have
    decided otherwise since.
    """
    columns = ", ".join(f"p.{name}" for name in scored_columns(features))
    parts = {"schema": identifier(schema), "columns": columns, "as_of": quoted(as_of)}
    return statements("inference_rows", **parts, condition="" if mode == "monthly" else UNDECIDED)[0]


def topic_rows(text: str, as_of: dt.date, *, schema: str) -> str:
    """Query for the texts that topics are learned from: of every product known at the end of `as_of` that has one."""
    parts = {"schema": identifier(schema), "text": identifier(text), "as_of": quoted(as_of)}
    return statements("topic_rows", **parts)[0]


def known_product(product_id: str, *, schema: str) -> str:
    """Query for the one product with this id."""
    return statements("known_product", schema=identifier(schema), product_id=quoted(product_id))[0]


def add_override(override: Override, *, schema: str, decided_by: str) -> str:
    """Statement that files what somebody decided about a product; a product that is not known gets no row."""
    return statements(
        "add_override",
        schema=identifier(schema),
        product_id=quoted(override.product_id),
        package_type=quoted(override.package_type),
        kind=quoted(override.kind),
        why=quoted(override.why),
        expires_on="NULL" if override.expires is None else quoted(override.expires),
        decided_by=quoted(decided_by),
    )[0]


def unload(query: str, prefix: str, role: str) -> str:
    """UNLOAD `query` to Parquet parts and a verbose manifest below the S3 URI `prefix`."""
    return statements("unload", query=quoted(query), prefix=quoted(prefix), role=quoted(role))[0]
