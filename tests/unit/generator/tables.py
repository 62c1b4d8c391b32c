"""Generated tables as pandas, and the label rule of the warehouse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from processing.generator import FEEDBACK, PRODUCTS, TRUTH, Catalogue
from rightpack.settings import Labels


def products(catalogue: Catalogue, *weeks: int) -> pd.DataFrame:
    return pa.Table.from_batches([b for w in weeks for b in catalogue.products(w)], PRODUCTS).to_pandas()


def feedback(catalogue: Catalogue, *weeks: int) -> pd.DataFrame:
    return pa.Table.from_batches([b for w in weeks for b in catalogue.feedback(w)], FEEDBACK).to_pandas()


def truth(catalogue: Catalogue, week: int = 0, ids: list[str] | None = None) -> pd.DataFrame:
    return pa.Table.from_batches(catalogue.truth(week, ids), TRUTH).to_pandas()


def wide(catalogue: Catalogue, column: str, week: int = 0) -> pd.DataFrame:
    """One column of the truth with a row per product and a column per package type, by rank."""
    names = [t.name for t in sorted(catalogue.package_types, key=lambda t: t.rank)]
    return truth(catalogue, week).pivot_table(index="product_id", columns="package_type", values=column)[names]


def labels(events: pd.DataFrame, package_type: str) -> pd.Series:
    """Suitable or not by product, as `rightpack/sql/derive_labels.sql` says."""
    rule = Labels()
    events = events[events.package_type == package_type].sort_values("ingested_at", kind="stable")
    events = events.drop_duplicates("feedback_id", keep="last")
    tests = events[events.source == "lab_test"].sort_values(["observed_at", "ingested_at"], kind="stable")
    lab = tests.groupby("product_id").n_bad.last()
    heard = events[events.source != "lab_test"].groupby("product_id")[["n_units", "n_bad"]].sum()
    heard = heard[heard.n_units >= rule.minimum_shipped]
    posterior = (heard.n_bad / rule.reporting_rate + rule.prior_bad) / (heard.n_units + rule.prior_shipped)
    return (lab == 0).combine_first(posterior <= rule.damage_limit).astype(int)


def roc_auc(label: np.ndarray, score: np.ndarray) -> float:
    ranks = pd.Series(score).rank().to_numpy()
    positive = label == 1
    n, m = positive.sum(), (~positive).sum()
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
