from __future__ import annotations

import hashlib
from itertools import islice

import numpy as np
import pyarrow as pa
import pytest

from processing.generator import Catalogue, seeds
from processing.generator import catalogue as module
from processing.intake import write_parts
from rightpack.settings import Settings
from rightpack.warehouse import table_named


def digest(parts) -> list[str]:
    return [hashlib.sha256(part.path.read_bytes()).hexdigest() for part in parts]


@pytest.mark.parametrize("table", ["products", "feedback"])
def test_same_seed_and_week_give_byte_identical_parquet(package_types, tmp_path, table):
    columns = table_named(table, Settings.load("dev")).columns
    one, two, other = (
        digest(write_parts(getattr(Catalogue(seed, 500, package_types), table)(1), columns, tmp_path / name))
        for seed, name in ((7, "one"), (7, "two"), (8, "other"))
    )
    assert one == two != other


def test_a_week_does_not_depend_on_which_weeks_were_made_before(package_types):
    fresh, used = Catalogue(7, 300, package_types), Catalogue(7, 300, package_types)
    for week in (5, 0, 2):
        list(used.feedback(week))
    assert list(fresh.feedback(3)) == list(used.feedback(3))


def test_every_chunk_can_be_made_alone_and_in_any_order(package_types, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", 100)
    shop = Catalogue(7, 350, package_types)
    chunks = shop.chunks(0)
    assert [chunk.rows for chunk in chunks] == [100, 100, 100, 50]
    backwards = [shop.product_batch(chunk) for chunk in reversed(chunks)]
    assert pa.Table.from_batches(reversed(backwards)) == pa.Table.from_batches(shop.products(0))
    assert shop.feedback_batch(chunks[2], 4) == next(islice(shop.feedback(4), 2, None))


def test_package_types_may_come_in_any_order(package_types):
    straight, turned = Catalogue(7, 200, package_types), Catalogue(7, 200, package_types[::-1])
    assert list(straight.feedback(0)) == list(turned.feedback(0))
    assert list(straight.truth(0)) == list(turned.truth(0))


def test_streams_of_different_purposes_differ_and_of_the_same_purpose_agree():
    draws = [
        seeds.stream(*purpose).random()
        for purpose in [(7, "a", 1), (7, "a", 1), (7, "a", 11), (7, "b", 1), (8, "a", 1)]
    ]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 4


def test_identifiers_are_unique_and_in_no_visible_order():
    index = np.arange(200_000, dtype=np.uint64)
    ids = seeds.product_ids(7, index).to_pylist()
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 13 and i[0] == "p" for i in ids[:100])
    assert sorted(ids) != ids
    assert ids != seeds.product_ids(8, index).to_pylist()


def test_event_identifiers_differ_between_products_and_keys():
    index, key = (a.ravel().astype(np.uint64) for a in np.meshgrid(np.arange(500), np.arange(200)))
    assert len(set(seeds.event_ids(7, index, key).to_pylist())) == 100_000
