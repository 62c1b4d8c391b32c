"""The label rule of `rightpack/sql/derive_labels.sql`, in memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from benchmarks.decisions.shop import Shop
from processing.architectures.ordinal.counts import Counts
from processing.decisions.arrays import Floats
from rightpack.settings import Labels


def suitable(counts: Counts, rule: Labels) -> Floats:
    """1 suitable, 0 not, NaN unknown [products, types]: tests decide, else shipments where there are enough."""
    rate = (counts.bad / rule.reporting_rate + rule.prior_bad) / (counts.shipped + rule.prior_shipped)
    by_shipments = np.where(counts.shipped >= rule.minimum_shipped, rate <= rule.damage_limit, np.nan)
    return np.where(counts.tested > 0, counts.failed == 0, by_shipments)


def training_table(shop: Shop, place: int, rule: Labels) -> pa.Table:
    """The labelled products of one package type, as the step Prepare writes them."""
    labels = suitable(shop.counts, rule)[:, place]
    known = ~np.isnan(labels)
    rows = shop.table.filter(pa.array(known))
    rows = rows.append_column("suitable", pa.array(labels[known].astype(np.int8)))
    return rows.append_column("weight", pa.array(np.ones(int(known.sum()))))
