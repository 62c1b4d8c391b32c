"""What one package type's model is worth in money, against always using the baseline."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from processing.decisions import DamageCost, Offer, Policy, baseline_types
from processing.decisions.outcome import chosen_values
from processing.decisions.reading import products_of
from processing.features.expressions import FloatArray
from rightpack.settings import Settings

# Mean damage rates behind a label: the limit parts them, and what is past it is mostly far past it.
UNSUITABLE: Final = 0.10
SUITABLE: Final = 0.003


def damage_cost(settings: Settings) -> DamageCost:
    """What a damaged shipment costs."""
    rule = settings.recommendation
    return DamageCost(rule.damage_cost_cap, rule.damage_cost_fixed, settings.labels.damage_limit)


def saved_by(
    validation: pa.Table, suitable: FloatArray, chances: FloatArray, package_type: str, settings: Settings
) -> dict[str, FloatArray]:
    """`cost_saving` of each row: what choosing between the type and the baseline's by expected cost saves.

    A row gets the type if it fits and its P(suitable) makes it cheaper; its label says what that really costs. The
    baseline's type, about which these labels say nothing, counts as suitable. Nothing for the baseline itself.
    """
    if package_type == settings.recommendation.baseline:
        return {}
    types = settings.by_protection
    offer = Offer.of(products_of(validation), types, cost=damage_cost(settings))
    place = next(index for index, t in enumerate(types) if t.name == package_type)
    spared = chosen_values(offer.pack_cost, baseline_types(offer, Policy.of(settings.recommendation)))
    spared -= offer.pack_cost[:, place]

    def saved(chance: FloatArray) -> FloatArray:
        return np.asarray(spared - offer.damage_cost * (1 - chance) * (UNSUITABLE - SUITABLE))

    return {"cost_saving": np.where(offer.fits[:, place] & (saved(chances) > 0), saved(suitable), 0.0)}
