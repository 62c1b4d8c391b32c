from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from processing.features.encoder import Encoder
from processing.features.raw import RawColumns, token_counts
from rightpack.errors import ContractError, InternalError, SettingsError
from rightpack.settings import Features
from tests.unit.processing.world import products, settings

FEATURES = Features(
    numeric=("a", "b"), categorical=("kind",), text=("title",), derived={"ratio": "a / b"}, text_buckets=8
)


def table(rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([("a", pa.float64()), ("b", pa.float64()), ("kind", pa.string()), ("title", pa.string())])
    return pa.Table.from_pylist(rows, schema=schema)


def learn(rows: list[dict[str, Any]], features: Features = FEATURES) -> Encoder:
    return Encoder.learn(RawColumns(table(rows), "training"), features)


def encode(encoder: Encoder, rows: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    return encoder.encode(RawColumns(table(rows), "the request")).matrix


ROW = {"a": 6.0, "b": 2.0, "kind": "cup", "title": "Glass cup, glass"}
rows = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.none() | st.floats(),
            "b": st.none() | st.floats(-1e6, 1e6),
            "kind": st.none() | st.sampled_from(["cup", "shirt", "", "ünknown"]),
            "title": st.none() | st.text(max_size=30),
        }
    ),
    min_size=1,
    max_size=12,
)


@hypothesis_settings(deadline=None)
@given(rows)
def test_a_row_alone_encodes_as_it_does_among_others(some: list[dict[str, Any]]) -> None:
    encoder = learn([ROW, {**ROW, "kind": "shirt"}])
    together = encode(encoder, some)
    alone = np.concatenate([encode(encoder, [row]) for row in some])
    np.testing.assert_array_equal(together, alone)


@hypothesis_settings(deadline=None)
@given(rows)
def test_no_infinity_ever_reaches_a_model(some: list[dict[str, Any]]) -> None:
    matrix = encode(learn([ROW]), some)
    assert not np.isinf(matrix).any()
    assert not np.isnan(matrix[:, 4:]).any(), "texts are counted, never missing"


@hypothesis_settings(deadline=None, max_examples=30)
@given(rows)
def test_a_saved_encoder_encodes_as_it_did(some: list[dict[str, Any]]) -> None:
    import tempfile

    encoder = learn(some)
    with tempfile.TemporaryDirectory() as folder:
        encoder.save(Path(folder))
        again = Encoder.load(Path(folder))
    assert again.columns == encoder.columns
    np.testing.assert_array_equal(encode(again, some), encode(encoder, some))


def test_columns_come_as_numbers_derived_categories_texts() -> None:
    encoder = learn([ROW])
    assert encoder.columns == ("a", "b", "ratio", "kind", *(f"title#{i}" for i in range(8)))
    encoded = encoder.encode(RawColumns(table([ROW]), "r"))
    assert encoded.categories == {3: 1}
    assert encoded.matrix[0, :4].tolist() == [6.0, 2.0, 3.0, 0.0]


def test_vocabularies_go_by_frequency_then_alphabet() -> None:
    kinds = ["b", "c", "a", "c", None, ""]
    assert learn([{**ROW, "kind": kind} for kind in kinds]).vocabularies == {"kind": ("c", "a", "b")}


@pytest.mark.parametrize("kind", [None, "", "never seen"])
def test_missing_empty_and_unseen_categories_are_all_missing(kind: str | None) -> None:
    assert np.isnan(encode(learn([ROW]), [{**ROW, "kind": kind}])[0, 3])


@given(st.lists(st.sampled_from(["a", "b", "", "unseen", None]), max_size=30), st.booleans())
def test_a_column_of_codes_and_words_encodes_as_its_words_do(texts: list[str | None], as_numbers: bool) -> None:
    """Parquet and Arrow keep repeated words once."""
    kinds = [None if text is None else len(text) for text in texts] if as_numbers else texts
    plain = pa.chunked_array([pa.array(kinds, pa.int64() if as_numbers else pa.string())])
    vocabulary = ("1", "0") if as_numbers else ("b", "a")
    parts = [plain.slice(0, 7), plain.slice(7)]
    folded = pa.chunked_array([part.combine_chunks().dictionary_encode() for part in parts])
    want = RawColumns(pa.table({"kind": plain}), "words").codes("kind", vocabulary)
    np.testing.assert_array_equal(RawColumns(pa.table({"kind": folded}), "codes").codes("kind", vocabulary), want)


def test_words_are_counted_in_the_bucket_of_their_checksum() -> None:
    counts = token_counts(pa.array(["Glass cup, glass!", None, "", "  "]), 8)
    expected = np.zeros(8)
    expected[zlib.crc32(b"glass") % 8] += 2
    expected[zlib.crc32(b"cup") % 8] += 1
    assert counts[0].tolist() == expected.tolist()
    assert counts[1:].sum() == 0


def test_words_of_any_script_are_words() -> None:
    assert token_counts(pa.array(["Ação-rápida 三つ №5"]), 64).sum() == 4


@pytest.mark.parametrize("name", ["a", "kind", "title"])
def test_a_column_missing_at_scoring_is_named(name: str) -> None:
    without = table([ROW]).drop_columns([name])
    with pytest.raises(ContractError, match=f"the request has no column '{name}'"):
        learn([ROW]).encode(RawColumns(without, "the request"))


def test_a_column_of_another_kind_at_scoring_is_named() -> None:
    wrong = table([ROW]).set_column(0, "a", pa.array([["x"]]))
    with pytest.raises(ContractError, match="'a' of the request"):
        learn([ROW]).encode(RawColumns(wrong, "the request"))


def test_types_may_differ_between_training_and_scoring() -> None:
    other = table([ROW]).set_column(0, "a", pa.array(["6"])).set_column(1, "b", pa.array([2], pa.int8()))
    np.testing.assert_array_equal(learn([ROW]).encode(RawColumns(other, "r")).matrix, encode(learn([ROW]), [ROW]))


def test_no_rows_encode_to_no_rows() -> None:
    assert encode(learn([ROW]), []).shape == (0, 12)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (Features(numeric=("a",), derived={"a": "a + 1"}), "derived.a has the name of a raw column"),
        (Features(numeric=("a",), derived={"c": "z"}), "derived.c"),
        (Features(numeric=("a",), text=("title",), text_buckets=0), "text_buckets"),
    ],
)
def test_features_that_cannot_be_are_a_settings_error(features: Features, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        learn([ROW], features).encode(RawColumns(table([ROW]), "r"))


def test_a_broken_encoder_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "encoder.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(InternalError, match=r"encoder\.json"):
        Encoder.load(tmp_path)


def test_several_models_share_what_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = RawColumns(products(50), "r")
    first, second = (Encoder.learn(raw, settings().features) for _ in range(2))
    left = first.encode(raw).matrix
    monkeypatch.setattr("processing.features.raw.token_counts", None)
    np.testing.assert_array_equal(second.encode(raw).matrix, left)
