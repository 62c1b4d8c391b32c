from __future__ import annotations

import datetime as dt

import pytest

from processing.intake import ColumnMapping, FileFormat, Outcome
from rightpack.errors import SettingsError


def test_a_mapping_file_is_read_whole(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        """
        [columns]
        product_id = "sku"
        [constants]
        package_type = "carton"
        observed_at = 2026-09-01
        [units]
        length_cm = 2.54
        weight_g = 1000
        [labels]
        unsuitable = "damaged"
        [file]
        delimiter = ";"
        """
    )
    assert ColumnMapping.from_toml(path) == ColumnMapping(
        columns={"product_id": "sku"},
        constants={"package_type": "carton", "observed_at": dt.date(2026, 9, 1)},
        units={"length_cm": 2.54, "weight_g": 1000.0},
        labels=Outcome(unsuitable="damaged"),
        file=FileFormat(delimiter=";"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[colums]\nproduct_id = "sku"', "mine.toml: Unknown key 'colums'. Did you mean 'columns'?"),
        ("[columns]\nproduct_id = 3", "mine.toml: columns.product_id must be str, not 3."),
        ("[columns\n", "mine.toml: "),
        ('[columns]\nprice = "p"\n[constants]\nprice = 3', "'price' is in [columns] and in [constants]"),
        ('[labels]\nsuitable = "a"\nunsuitable = "b"', "both 'suitable' and 'unsuitable'"),
        ("[units]\nlength_cm = 0", "a factor must be a positive number"),
        ('[file]\ndelimiter = "||"', "one character each"),
    ],
)
def test_mistakes_in_a_mapping_file_are_named(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        ColumnMapping.from_toml(path)
    assert message in str(caught.value)
