from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from processing.columns import PRODUCT, Column, Kind, inference_columns
from processing.defence import quarantine
from processing.defence.admission import Admitted, admit, admitted
from processing.defence.casting import cast
from processing.defence.checks import Contract, conflicts, findings, without_nan
from processing.defence.parquet import Limits, read_guarded
from processing.defence.units import check_units, mistaken_unit
from processing.failures import message_of
from processing.reports.quarantine import quarantine_lines
from processing.tables import encode
from rightpack.errors import ContractError, DataError, ManifestError
from rightpack.refused_rows import where_kept
from rightpack.settings import Defence, Range
from rightpack.trigger import DropData
from tests.unit.processing.world import DATA, MANIFEST, Desk, products, settings, write_drop

TODAY = dt.date(2026, 11, 20)
SETTINGS = settings()
COLUMNS = inference_columns(SETTINGS.features)
CONTRACT = Contract(COLUMNS, SETTINGS.defence, TODAY, (PRODUCT,))
PLENTY = Limits(10**6, 1e9)


def changed(table: pa.Table, name: str, values: dict[int, Any]) -> pa.Table:
    now = [values.get(i, v) for i, v in enumerate(table[name].to_pylist())]
    return table.set_column(table.column_names.index(name), name, pa.array(now, table[name].type))


def dropped(folder: Path, table: pa.Table, contract: Contract = CONTRACT, files: int = 2) -> Admitted:
    write_drop(folder, table, files)
    return admit(folder, DropData(DATA, MANIFEST), contract)


def with_rules(**rules: Any) -> Contract:
    return replace(CONTRACT, rules=replace(SETTINGS.defence, **rules))


# --- the whole way ---


def test_a_sound_drop_comes_in_whole_and_leaves_no_quarantine(tmp_path: Path) -> None:
    found = dropped(tmp_path / "drop", products(100))
    assert (found.table.num_rows, found.quarantine.rows, found.files) == (100, 0, 2)
    assert found.save(tmp_path) == {"rows": 0, "of": 100, "reasons": [], "file": "", "nan_as_missing": {}}
    assert not (tmp_path / "quarantine.parquet").exists()


def test_every_row_comes_in_or_is_quarantined_with_its_file_and_place(tmp_path: Path) -> None:
    table = changed(products(100), "weight_g", {3: -1.0, 60: float("inf")})
    found = dropped(tmp_path, table)
    assert found.table.num_rows + found.quarantine.rows == found.rows == 100
    listed = found.quarantine.listed.select(["file", "row", "column", "value", "reason"]).to_pylist()
    assert [tuple(row.values()) for row in listed] == [
        ("part_0000_part_00.parquet", 4, "weight_g", "-1.0", "is below 0.1"),
        ("part_0001_part_00.parquet", 11, "weight_g", "inf", "is not finite"),
    ]
    assert json.loads(found.quarantine.listed["content"][0].as_py())["product_id"] == "p-000003"


def test_a_row_with_two_faults_is_one_row_with_two_reasons(tmp_path: Path) -> None:
    table = changed(changed(products(60), "weight_g", {3: -1.0}), "price", {3: -5.0})
    found = dropped(tmp_path, table).quarantine
    assert (found.rows, found.listed["column"].to_pylist()) == (1, ["weight_g", "price"])


def test_the_same_drop_gives_the_same_quarantine_byte_for_byte(tmp_path: Path) -> None:
    table = changed(products(100), "price", {5: -1.0, 80: -2.0})
    table = pa.concat_tables([table, table.slice(7, 1), changed(table.slice(7, 1), "price", {0: 1.0})])
    first, again = (dropped(tmp_path / name, table) for name in ("first", "again"))
    assert encode(first.quarantine.listed) == encode(again.quarantine.listed)
    assert first.table.equals(again.table)


def test_what_is_listed_is_bounded_and_what_is_counted_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MOST_LISTED", 5)
    found = dropped(tmp_path, changed(products(100), "price", dict.fromkeys(range(40), -1.0))).quarantine
    assert (found.rows, found.listed.num_rows, found.counts) == (40, 5, (("price", "is below 0", 40),))
    assert found.listed["row"].to_pylist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("bad", "refused"), [(10, False), (11, True)])
def test_a_few_rows_may_be_bad_and_more_refuse_the_drop(bad: int, refused: bool, desk: Desk) -> None:
    table = changed(products(100), "price", dict.fromkeys(range(bad), -1.0))
    if refused:
        with pytest.raises(DataError, match=r"11 of the 100 rows of .* \(11\.0 %\) cannot be used; at most 10 may be"):
            desk.prepare_inference(table)
        return
    said = json.loads((desk.prepare_inference(table) / "profile" / "profile.json").read_text())["quarantine"]
    assert said["reasons"] == [{"column": "price", "reason": "is below 0", "rows": 10}]


def test_of_a_large_drop_a_share_may_be_bad() -> None:
    rules = Defence(quarantine_share=0.02, quarantine_rows=10)
    assert [rules.may_be_unusable(rows) for rows in (0, 499, 1_000, 1_000_000)] == [10, 10, 20, 20_000]


def test_a_drop_of_nothing_but_bad_rows_is_refused_however_small(desk: Desk) -> None:
    with pytest.raises(DataError, match=r"3 of the 3 rows .* cannot be used; none is left"):
        desk.prepare_inference(changed(products(3), "price", dict.fromkeys(range(3), -1.0)))


def test_what_was_refused_lies_below_quarantine_with_the_reason(desk: Desk) -> None:
    with pytest.raises(DataError) as refused:
        desk.prepare_inference(changed(products(20), "price", dict.fromkeys(range(12), -1.0)))
    rows = desk.cloud.s3.objects["data", "quarantine/drops/x/rows.parquet"]
    reason = json.loads(desk.cloud.s3.objects["data", "quarantine/drops/x/reason.json"])
    assert pq.read_table(io.BytesIO(rows)).num_rows == 12
    assert reason == {"drop": DATA, "reason": str(refused.value)}
    assert where_kept(message_of(refused.value).decode()) == "s3://data/quarantine/drops/x/reason.json"


def test_a_reason_that_cannot_be_kept_is_still_told(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    desk.cloud.s3.put_object = denied  # type: ignore[method-assign]
    (desk.folder / "empty").mkdir()
    job = desk.job("prepare", {"data": desk.folder / "empty"})
    with pytest.raises(ManifestError, match="has no manifest"):
        admitted(job, DropData(DATA, MANIFEST), CONTRACT)
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize("words", ["", "The reason is kept in a drawer.", "The reason is kept in s3://"])
def test_words_that_do_not_say_where_a_reason_is_kept_name_no_place(words: str) -> None:
    assert where_kept(words) == ""


def test_files_may_hold_a_column_in_different_types_or_not_at_all(tmp_path: Path) -> None:
    folder, whole = tmp_path, products(10)
    write_drop(folder, whole)
    second = sorted(folder.glob("*.parquet"))[1]
    texts = whole.slice(5).set_column(5, "price", pa.array(["1.5", "n/a", "2", "3", "4"]))
    pq.write_table(texts.drop_columns([]), second)
    manifest = json.loads((folder / "part_manifest").read_text())
    manifest["entries"][1]["meta"]["content_length"] = second.stat().st_size
    (folder / "part_manifest").write_text(json.dumps(manifest))
    found = admit(folder, DropData(DATA, MANIFEST), CONTRACT)
    assert found.table["price"].to_pylist()[5:] == [1.5, 2.0, 3.0, 4.0]
    assert found.quarantine.listed.select(["row", "value", "reason"]).to_pylist() == [
        {"row": 2, "value": "n/a", "reason": "is not a number"}
    ]


# --- casting ---


def test_values_that_are_not_of_their_kind_are_found_among_many() -> None:
    values = [str(i) for i in range(1000)]
    values[17] = values[500] = "n/a"
    values[999] = "1,5"
    made = cast(pa.table({"x": values}), [Column("x", Kind.NUMBER)], "d", most=5)
    (misfit,) = made.misfits
    assert (misfit.rows.tolist(), misfit.values) == ([17, 500, 999], ("n/a", "n/a", "1,5"))
    assert made.table["x"].null_count == 3


def test_a_column_of_nothing_but_misfits_is_refused_without_looking_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from processing.defence import casting

    tries: list[int] = []
    real: Callable[..., bool] = casting._fits

    def counted(*given: Any) -> bool:
        tries.append(1)
        return real(*given)

    monkeypatch.setattr(casting, "_fits", counted)
    table = pa.table({"x": [f"word {i}" for i in range(10_000)]})
    with pytest.raises(ContractError, match="more than 10 different values"):
        cast(table, [Column("x", Kind.NUMBER)], "d", most=10)
    assert len(tries) < 100


# --- rules ---


@pytest.mark.parametrize(
    ("kind", "values", "reasons"),
    [
        (Kind.KEY, ["a", None, " "], {1: "is empty", 2: "is blank"}),
        (Kind.KEY, ["x" * 65, "a\tb"], {0: "has more than 64 bytes", 1: "holds control characters"}),
        (Kind.KEY, ["é" * 33], {0: "has more than 64 bytes"}),
        (Kind.WEIGHT, [0.0, -0.5], {1: "is below 0"}),
        (Kind.WEIGHT, [float("nan"), float("inf")], {0: "is not finite", 1: "is not finite"}),
        (Kind.NUMBER, [-5.0, None, float("-inf")], {2: "is not finite"}),
        (Kind.TEXT, ["", None, "x" * 65_536], {2: "has more than 65535 bytes"}),
    ],
)  # fmt: skip
def test_each_rule_finds_its_rows(kind: Kind, values: list[Any], reasons: dict[int, str]) -> None:
    column = Column("x", kind)
    table = cast(pa.table({"x": values}), [column], "d", most=0).table
    found = findings(table, Contract((column,), Defence(), TODAY))
    assert {int(row): f.reason for f in found for row in f.rows} == reasons


def test_moments_are_neither_of_the_future_nor_of_another_age() -> None:
    column = Column("x", Kind.MOMENT)
    days = [dt.date(2026, 11, 20), dt.date(2026, 11, 21), dt.date(2026, 11, 22), dt.date(1970, 1, 1)]
    table = cast(pa.table({"x": days}), [column], "d", most=0).table
    found = findings(table, Contract((column,), Defence(), TODAY))
    assert {int(row): f.reason for f in found for row in f.rows} == {
        2: "is later than 2026-11-21",
        3: "is earlier than 1990",
    }


def test_nan_counts_as_missing_and_is_counted() -> None:
    table = pa.table({"x": [1.0, float("nan"), None], "y": ["a", "b", "c"]})
    mended, counts = without_nan(table, [Column("x", Kind.NUMBER), Column("y", Kind.TEXT), Column("z", Kind.NUMBER)])
    assert (mended["x"].to_pylist(), counts) == ([1.0, None, None], {"x": 1})


def test_rows_conflict_where_their_key_is_one_and_their_values_are_two() -> None:
    table = pa.table({"k": ["a", "b", "a", "c", "b", "c", "d"], "v": [1.0, 2.0, 1.0, None, 3.0, None, 5.0]})
    assert conflicts(table, ["k"]).tolist() == [1, 4]
    assert conflicts(table, []).tolist() == conflicts(table.slice(0, 0), ["k"]).tolist() == []
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(7)))
    assert {shuffled["k"][int(i)].as_py() for i in conflicts(shuffled, ["k"])} == {"b"}


# --- units ---


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"sides": 1 / 2.54}, "inches in length_cm"),
        ({"sides": 10.0}, "millimetres in length_cm"),
        ({"sides": 0.01}, "metres in length_cm"),
        ({"weight_g": 0.001}, "kilograms in weight_g"),
        ({"weight_g": 1 / 28.35}, "ounces in weight_g"),
        ({"weight_g": 1000.0}, "milligrams in weight_g"),
    ],
)
def test_another_unit_is_told_by_the_medians_and_named(factors: dict[str, float], words: str) -> None:
    table = products(200)
    for name in ("length_cm", "width_cm", "height_cm", "weight_g"):
        factor = factors.get(name, factors.get("sides", 1.0) if name != "weight_g" else 1.0)
        values = np.array(table[name].to_pylist(), np.float64) * factor
        table = table.set_column(table.column_names.index(name), name, pa.array(values, from_pandas=True))
    with pytest.raises(ContractError, match=words):
        check_units(table, SETTINGS.defence, "the drop")


def test_a_few_rows_say_nothing_about_units_and_a_shop_may_have_its_own() -> None:
    heavy = changed(products(60), "weight_g", dict.fromkeys(range(60), 90_000.0))
    check_units(heavy.slice(0, 49), SETTINGS.defence, "the drop")
    with pytest.raises(ContractError, match="median"):
        check_units(heavy, SETTINGS.defence, "the drop")
    check_units(heavy, replace(SETTINGS.defence, medians={"weight_g": Range(most=1e6)}), "the drop")


# --- limits ---


def buffer(table: pa.Table, **options: Any) -> pa.Buffer:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return pa.py_buffer(sink.getvalue())


def test_what_is_read_within_limits_is_what_was_written() -> None:
    table = products(50)
    assert read_guarded(buffer(table), "a", PLENTY).equals(table)
    assert read_guarded(buffer(table), "a", PLENTY, ["price", "absent"]).column_names == ["price"]


def test_more_rows_than_are_left_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(ManifestError, match="a declares 50 rows; no more than 49"):
        read_guarded(buffer(products(50)), "a", replace(PLENTY, rows=49))


def test_a_text_that_unfolds_beyond_the_limit_is_refused_while_it_is_still_folded() -> None:
    folded = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000, np.int32)), pa.array(["x" * 1_000_000]))
    with pytest.raises(ManifestError, match=r"a unfolds to 10,000\.1 MB"):
        read_guarded(buffer(pa.table({"t": folded}), store_schema=False), "a", PLENTY)


def test_the_files_of_a_drop_share_its_limits(tmp_path: Path) -> None:
    contract = with_rules(most_rows=90)
    assert dropped(tmp_path / "one", products(90), contract, files=3).table.num_rows == 90
    with pytest.raises(ManifestError, match=r"part_0002_part_00\.parquet declares 34 rows; no more than 24"):
        dropped(tmp_path / "two", products(100), contract, files=3)


@pytest.mark.parametrize(
    "wrong", [{"quarantine_share": 1.5}, {"quarantine_rows": -1}, {"ranges": {"x": {"least": 2.0, "most": 1.0}}}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    from rightpack.errors import SettingsError

    with pytest.raises(SettingsError):
        settings(defence=wrong)


# --- reports ---


def test_reports_say_how_many_rows_were_not_used_why_and_where_they_are() -> None:
    reasons = [{"column": "price", "reason": "is below 0", "rows": 2}, {"column": "x", "reason": "is empty", "rows": 1}]
    said = {"rows": 3, "of": 1200, "reasons": reasons, "file": "s3://d/q/rows.parquet", "nan_as_missing": {"price": 7}}
    first, second = quarantine_lines(said)
    assert first == (
        "3 of the 1,200 rows of the drop could not be used, most often because price is below 0 (2). "
        "Mend them and drop them again: s3://d/q/rows.parquet"
    )
    assert second == "price is NaN in 7 rows of the drop; that was taken for missing."
    assert quarantine_lines(None) == quarantine_lines({**said, "rows": 0, "nan_as_missing": {}}) == []


def quartiles(*values: float) -> dict[str, Any]:
    """What a profile says of a column."""
    return {"quantiles": dict(zip(("0.25", "0.5", "0.75"), values, strict=True))}


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1 / 453.59, "in pounds"),
        (1 / 28.0, "in ounces"),
        (0.001, "in kilograms"),
        (1000.0, "in milligrams"),
        (0.4536, "kilograms converted like pounds"),
        (1.0, ""),
        (1.2, ""),
    ],
)
def test_a_mass_that_moved_by_the_factor_of_a_unit_is_in_that_unit(factor: float, words: str) -> None:
    before, now = quartiles(90.0, 250.0, 700.0), quartiles(90.0 * factor, 250.0 * factor, 700.0 * factor)
    assert words in mistaken_unit({"weight_g": before}, {"weight_g": now})
    assert bool(words) == bool(mistaken_unit({"weight_g": before}, {"weight_g": now}))


@pytest.mark.parametrize("now", [{}, {"quantiles": None}, quartiles(0.25, 0.25, 3.0)])
def test_a_column_that_is_unknown_or_moved_unevenly_is_in_no_other_unit(now: dict[str, Any]) -> None:
    assert mistaken_unit({"weight_g": quartiles(90.0, 250.0, 700.0)}, {"weight_g": now}) == ""
    assert mistaken_unit({"weight_g": now}, {"weight_g": quartiles(0.0, 0.25, 0.7)}) == ""
