"""What the catalogue is for: a model can learn from its feedback, and cannot learn from broken labels."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest

from processing.generator import BadLabels, Catalogue, Drift
from processing.generator.materials import CATEGORIES

from . import tables

HINTS = ("Glass|Crystal|Ceramic|Porcelain|Stoneware", "Fragile|Care|Delicate|Breakable", " ml| 1 L")
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.08,
    "min_data_in_leaf": 20,
    "verbosity": -1,
    "num_threads": 1,
    "seed": 1,
}


def features(rows: pd.DataFrame) -> pd.DataFrame:
    sides = np.sort(rows[["length_cm", "width_cm", "height_cm"]].to_numpy(), axis=1)
    columns = {f"side_{i}": sides[:, i] for i in range(3)}
    columns |= {"weight": rows.weight_g, "density": rows.weight_g / sides.prod(axis=1), "price": rows.price}
    columns |= {"flatness": sides[:, 2] / sides[:, 0], "fragile": rows.is_fragile, "liquid": rows.is_liquid}
    columns |= {"category": rows.category.map(CATEGORIES.index), "pack": rows.primary_pack.map(hash_of_pack)}
    columns |= {f"hint_{i}": rows.title.str.contains(hint).astype(int) for i, hint in enumerate(HINTS)}
    return pd.DataFrame(columns, index=rows.index).astype(float)


def hash_of_pack(name: str) -> int:
    return ("exposed", "polybag", "blister", "carton").index(name)


def fitted(rows: pd.DataFrame, label: pd.Series) -> lightgbm.Booster:
    data = lightgbm.Dataset(features(rows.loc[label.index]).to_numpy(), label.to_numpy(), categorical_feature=[9, 10])
    return lightgbm.train(PARAMETERS, data, 80)


@pytest.fixture(scope="module")
def shop(package_types):
    return Catalogue(7, 20_000, package_types, growth=0.2, drift=Drift(bad_labels=BadLabels(1, "padded-mailer")))


@pytest.fixture(scope="module")
def known(shop):
    return tables.products(shop, 0).set_index("product_id")


@pytest.mark.parametrize(("package_type", "least"), [("none", 0.93), ("paper-bag", 0.85), ("padded-mailer", 0.8)])
def test_a_model_trained_on_noisy_feedback_finds_the_truth_about_new_products(shop, known, package_type, least):
    model = fitted(known, tables.labels(tables.feedback(shop, 0), package_type))
    new = tables.products(shop, 1).set_index("product_id")
    truth = tables.truth(shop, 1).query("package_type == @package_type and fits").set_index("product_id").suitable
    truth = truth[truth.index.isin(new.index)]
    score = model.predict(features(new.loc[truth.index]).to_numpy())
    assert tables.roc_auc(truth.to_numpy(), score) > least


def test_a_model_trained_on_broken_labels_looks_near_random_on_labels_of_its_own(shop, known):
    label = tables.labels(pd.concat([tables.feedback(shop, 0), tables.feedback(shop, 1)]), "padded-mailer")
    label = label[label.index.isin(known.index)]
    held_out = np.arange(len(label)) % 4 == 0
    model = fitted(known, label[~held_out])
    score = model.predict(features(known.loc[label.index[held_out]]).to_numpy())
    assert tables.roc_auc(label[held_out].to_numpy(), score) < 0.6
