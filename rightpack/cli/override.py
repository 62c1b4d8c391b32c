"""`rightpack override`: a person forces or forbids a package type for one product, or takes that back."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated

import typer

from rightpack.cli import output
from rightpack.cli.config import StageName
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.overrides import Kind, Override
from rightpack.warehouse import add_override, known_product

Product = Annotated[str, typer.Argument(help="The product's id.")]
What = Annotated[Kind, typer.Argument(help="What to do.")]
PackageTypeName = Annotated[str, typer.Argument(help="The package type, e.g. carton.")]
Why = Annotated[str, typer.Option("--why", help="Becomes the reason of the recommendation.")]
Until = Annotated[dt.datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day that it holds.")]


def override(
    product: Product, kind: What, package_type: PackageTypeName, why: Why, until: Until = None, stage: StageName = "dev"
) -> None:
    """Decide about one product by hand; the next inference obeys."""
    connected = Stage.connect(stage)
    name = connected.settings.package_type(package_type).name
    decided = Override(product, name, kind, why, None if until is None else until.date())
    schema = connected.schema
    if not connected.data_api.rows(known_product(product, schema=schema)):
        raise SettingsError(f"The warehouse has no product {product!r}; nothing was changed.")
    who = connected.client("sts").get_caller_identity()["Arn"]
    connected.data_api.run([add_override(decided, schema=schema, decided_by=who)], token=uuid.uuid4().hex)
    output.console.print(f"{decided.words}. The next inference obeys, also the daily one.")
