from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing import recommend
from processing.artefact import Entry, write_index
from processing.decisions import Offer
from processing.job import Exit, Record, manifest_of
from processing.tables import encode, read_folder
from tests.unit.processing.conftest import Enter
from tests.unit.processing.world import Desk, contents, products, settings, told

TYPES = ["none", "paper-bag", "padded-mailer", "book-box", "carton"]
SQL = Path(recommend.__file__).parents[1] / "rightpack" / "sql" / "load_run.sql"


def bundled(folder: Path, types: list[str]) -> Path:
    """What Bundle leaves for Recommend; the models themselves are not looked at."""
    folder.mkdir()
    entries = [Entry(n, n, "lightgbm", f"arn:{n}/1", "2026-11-01T12:00:00") for n in types]
    write_index(folder, entries, [n for n in TYPES if n not in types])
    record = Record("Bundle")
    record.wrote("bundle", folder)
    record.save(folder)
    return folder


def scores_of(ids: list[str], types: list[str], seed: int = 3) -> pa.Table:
    """Scores in which a stronger type is often less suitable, as independent models give them."""
    rng = np.random.default_rng(seed)
    columns = {n: np.clip(0.3 + 0.15 * i + rng.normal(0, 0.25, len(ids)), 0, 1) for i, n in enumerate(types)}
    return pa.table({"row_id": ids, **columns})


def write_scores(folder: Path, table: pa.Table) -> Path:
    folder.mkdir()
    pq.write_table(table, folder / "part-00000.parquet.out")
    return folder


def ready(desk: Desk, table: pa.Table, types: list[str] | None = None) -> dict[str, Path]:
    """Inputs of the step."""
    types = TYPES if types is None else types
    prepared = desk.prepare_inference(table)
    ids = read_folder(prepared / "features")["product_id"].to_pylist()
    inputs = {name: prepared / name for name in ("features", "profile")}
    inputs["bundle"] = bundled(desk.folder / "bundle-input", types)
    inputs["scores"] = write_scores(desk.folder / "scores-input", scores_of(ids, types))
    return inputs


def summary(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "report" / "summary.json").read_text()))


def staged(table: str) -> list[str]:
    """Columns of a staging table, in order; COPY of Parquet goes by position."""
    found = re.search(rf"CREATE TEMP TABLE {table} \((.*?)\n\)", SQL.read_text(), re.DOTALL)
    assert found
    return [line.split()[0] for line in found.group(1).strip().splitlines()]


@pytest.mark.parametrize("name", ["predictions", "recommendations"])
def test_columns_are_those_of_the_staging_table_in_its_order(name: str, desk: Desk) -> None:
    out = desk.do("recommend", recommend.run, ready(desk, products(50)))
    for path in (out / name).glob("*.parquet"):
        assert pq.read_schema(path).names == staged(f"stage_{name}")


@pytest.mark.parametrize("name", ["predictions", "recommendations"])
def test_the_copy_manifest_matches_the_files(name: str, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommend, "BLOCK", 120)
    out = desk.do("recommend", recommend.run, ready(desk, products(500)))
    entries = json.loads((out / name / "manifest").read_text())["entries"]
    files = sorted((out / name).glob("*.parquet"))
    assert len(files) == 8  # as many as slices
    assert [e["url"] for e in entries] == [f"s3://out/recommend/{name}/{p.name}" for p in files]
    assert all(e["mandatory"] is True for e in entries)
    assert [e["meta"]["content_length"] for e in entries] == [p.stat().st_size for p in files]
    assert [e["meta"]["record_count"] for e in entries] == [pq.read_metadata(p).num_rows for p in files]
    written = {a.name: a.rows for a in manifest_of(out / "report").outputs}
    assert written[name] == sum(e["meta"]["record_count"] for e in entries)


def test_how_many_products_are_decided_at_once_changes_no_row(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = ready(desk, products(300))
    whole = desk.do("whole", recommend.run, inputs)
    monkeypatch.setattr(recommend, "BLOCK", 70)
    pieces = desk.do("pieces", recommend.run, inputs)
    for name in ("predictions", "recommendations"):
        assert encode(read_tables(whole / name)) == encode(read_tables(pieces / name))
    assert {**summary(whole), "estimates": 0} == {**summary(pieces), "estimates": 0}
    assert summary(whole)["estimates"] == pytest.approx(summary(pieces)["estimates"])


def read_tables(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(p) for p in sorted(folder.glob("*.parquet"))])


def test_the_same_inputs_give_the_same_bytes(desk: Desk) -> None:
    inputs = ready(desk, products(300))
    first, second = (desk.do(name, recommend.run, inputs) for name in ("first", "second"))
    for name in ("predictions", "recommendations"):
        for path in (first / name).glob("*.parquet"):
            assert path.read_bytes() == (second / name / path.name).read_bytes()
    assert contents(first / "report") == contents(second / "report")


def test_the_order_in_which_scores_come_does_not_matter(desk: Desk, tmp_path: Path) -> None:
    inputs = ready(desk, products(300))
    table = read_folder(inputs["scores"])
    shuffled = table.take(pa.array(np.random.default_rng(1).permutation(300)))
    straight = desk.do("recommend", recommend.run, inputs)
    other = Desk(tmp_path / "other", desk.settings)
    again = other.do("recommend", recommend.run, {**inputs, "scores": write_scores(tmp_path / "mixed", shuffled)})
    assert contents(straight) == contents(again)


def test_suitability_never_falls_as_protection_rises(desk: Desk) -> None:
    inputs = ready(desk, products(400))
    out = desk.do("recommend", recommend.run, inputs)
    table = read_tables(out / "predictions")
    assert table["package_type"].to_pylist() == TYPES * 400
    suitability = table["suitability"].to_numpy().reshape(400, 5)
    raw = table["raw_score"].to_numpy().reshape(400, 5)
    assert (np.diff(raw, axis=1) < 0).any()
    assert (np.diff(suitability, axis=1) >= 0).all()
    assert summary(out)["order_violations"] == 0
    given = read_folder(inputs["scores"])
    assert raw.tolist() == [list(row) for row in zip(*(given[n].to_pylist() for n in TYPES), strict=True)]


def test_scores_that_still_fall_stop_the_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = ready(desk, products(50))
    honest = Offer.of

    def falling(*given: Any, **named: Any) -> Offer:
        made = honest(*given, **named)
        made.suitability[0, 0] = made.suitability[0, 1] + 0.1
        return made

    monkeypatch.setattr(Offer, "of", falling)
    code, message = desk.attempt("recommend", recommend.run, inputs)
    assert code == Exit.FINAL
    assert message.startswith("InternalError: 1 estimates get worse as protection rises; this run must not be loaded.")
    out = desk.folder / "recommend" / "processing" / "output"
    assert not list(out.rglob("manifest"))


def test_every_product_gets_one_recommendation_with_a_reason(desk: Desk) -> None:
    out = desk.do("recommend", recommend.run, ready(desk, products(400)))
    table = read_tables(out / "recommendations")
    assert table["product_id"].to_pylist() == products(400)["product_id"].to_pylist()
    assert set(table["package_type"].to_pylist()) <= {*TYPES, "cushioned-carton"}
    assert all(table["reason"].to_pylist())
    for name in set(table.column_names) - {"runner_up", "previous_type"}:
        assert table[name].null_count == 0
    found = summary(out)
    assert sum(found["mix"].values()) == sum(found["rules"].values()) == 400
    assert found["mix"]["carton"] == table["package_type"].to_pylist().count("carton")
    assert found["counts"]["predictions"] == read_tables(out / "predictions").num_rows


def test_versions_of_the_models_go_with_their_predictions(desk: Desk) -> None:
    table = read_tables(desk.do("recommend", recommend.run, ready(desk, products(20))) / "predictions")
    pairs = set(zip(table["package_type"].to_pylist(), table["model_version"].to_pylist(), strict=True))
    assert pairs == {(n, f"arn:{n}/1") for n in TYPES}


def test_types_without_a_model_are_left_out_and_listed(desk: Desk) -> None:
    out = desk.do("recommend", recommend.run, ready(desk, products(300), ["paper-bag", "carton"]))
    assert set(read_tables(out / "predictions")["package_type"].to_pylist()) == {"paper-bag", "carton"}
    rows = read_tables(out / "recommendations").to_pylist()
    others = [row for row in rows if row["package_type"] not in {"paper-bag", "carton", "cushioned-carton"}]
    assert {row["rule"] for row in others} <= {"fallback"}, "only where the product fits nothing else"
    assert summary(out)["left_out"] == ["none", "padded-mailer", "book-box"]
    page = (out / "report" / "report.html").read_text()
    assert "3 package types could not be scored." in page
    assert page.count("left out: no approved model") == 3


def test_products_of_unknown_size_get_what_is_sure_to_fit_and_are_counted(desk: Desk) -> None:
    table = products(100)
    empty = pa.array([None] * 10 + table["width_cm"].to_pylist()[10:], pa.float64())
    out = desk.do(
        "recommend",
        recommend.run,
        ready(desk, table.set_column(table.column_names.index("width_cm"), "width_cm", empty)),
    )
    found = read_tables(out / "recommendations").slice(0, 10)
    assert set(found["package_type"].to_pylist()) == {"cushioned-carton"}
    assert set(found["rule"].to_pylist()) <= {"only-fit", "no-fit"}
    assert all(r.startswith("size, weight or liquid not known: ") for r in found["reason"].to_pylist())
    assert summary(out)["counts"]["products_of_unknown_fit"] >= 10
    assert "they get types that are sure to fit" in (out / "report" / "report.html").read_text()


def test_a_lower_threshold_gives_lighter_packs(tmp_path: Path) -> None:
    shares = []
    for bar in (0.5, 0.95):
        desk = Desk(tmp_path / str(bar), settings(recommendation={"rule": "threshold", "threshold": bar}))
        mix = summary(desk.do("recommend", recommend.run, ready(desk, products(300))))["mix"]
        shares.append(mix["none"] + mix["paper-bag"])
    assert shares[0] > shares[1] + 30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.slice(1), "Row 'p-000000' is not scored: 50 rows were sent and 49 scores came back"),
        (lambda t: pa.concat_tables([t, t.slice(4, 1)]), "Row 'p-000004' is scored twice"),
        (lambda t: t.drop_columns(["carton"]), "The scores have no column 'carton'"),
    ],
)
def test_scores_that_do_not_match_the_products_are_named(change: Any, words: str, desk: Desk) -> None:
    inputs = ready(desk, products(50))
    inputs["scores"] = write_scores(desk.folder / "wrong", change(read_folder(inputs["scores"])))
    code, message = desk.attempt("recommend", recommend.run, inputs)
    assert code == Exit.FINAL
    assert message.startswith(f"ResultError: {words}")


@pytest.mark.parametrize("name", ["features", "bundle"])
def test_an_input_that_is_not_what_the_step_before_wrote_is_named(name: str, desk: Desk) -> None:
    inputs = ready(desk, products(50))
    path = sorted(p for p in inputs[name].iterdir() if p.name != "manifest.json")[0]
    path.write_bytes(path.read_bytes() + b" ")
    code, message = desk.attempt("recommend", recommend.run, inputs)
    assert code == Exit.FINAL
    assert message.startswith(f"ManifestError: Output '{name}' is not what step ")


def test_an_unknown_rule_is_a_matter_of_settings(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings(recommendation={"rule": "cheapest"}))
    code, message = desk.attempt("recommend", recommend.run, ready(desk, products(20)))
    assert code == Exit.FINAL
    assert message.startswith("SettingsError: recommendation.rule 'cheapest' is not known")


def test_the_command_leaves_code_0(desk: Desk, enter: Enter) -> None:
    job = desk.job("recommend", ready(desk, products(20)))
    assert enter(recommend.main, job) == Exit.DONE
    assert told(job) == ""
    outputs = {p.name for p in (job.root / "processing" / "output").iterdir()}
    assert outputs == {"predictions", "recommendations", "report"}


def test_a_job_that_does_not_say_where_its_outputs_go_is_our_own_fault(desk: Desk, enter: Enter) -> None:
    job = desk.job("recommend", ready(desk, products(20)))
    (job.root / "config" / "processingjobconfig.json").unlink()
    assert enter(recommend.main, job) == Exit.FINAL
    assert told(job).startswith("InternalError: processingjobconfig.json does not say where output 'predictions' goes")


def test_products_keep_their_type_unless_enough_is_saved_and_at_most_a_share_changes(tmp_path: Path) -> None:
    table = products(400)
    table = table.append_column("previous_type", pa.array(["cushioned-carton"] * 400))
    desk = Desk(tmp_path, settings(recommendation={"least_gain": 0.0, "change_share": 0.1}))
    out = desk.do("recommend", recommend.run, ready(desk, table))
    found, rows = summary(out), read_tables(out / "recommendations")
    assert rows["previous_type"].to_pylist() == ["cushioned-carton"] * 400
    assert 0 < found["counts"]["changed"] <= 40
    assert found["rules"]["ramp-keep"] > 0
    assert sum(move["products"] for move in found["moves"]) == found["counts"]["changed"]
    assert found["mix_before"]["cushioned-carton"] == 400


def test_what_people_decided_is_obeyed_and_told(desk: Desk) -> None:
    table = products(100)
    said = ["force|carton||broke twice", "forbid|none|2026-01-01|expired", None]
    table = table.append_column("overrides", pa.array([*said, *[None] * 97], pa.string()))
    rows = read_tables(desk.do("recommend", recommend.run, ready(desk, table)) / "recommendations")
    assert rows["package_type"][0].as_py() == "carton"
    assert rows["rule"][0].as_py() == "override-force"
    assert rows["reason"][0].as_py().endswith("force carton: broke twice")
    assert "override-forbid" not in rows["rule"].to_pylist()


def test_damage_rates_of_a_joint_model_decide_where_it_is_trusted(desk: Desk, tmp_path: Path) -> None:
    inputs = ready(desk, products(200))
    names = [*TYPES, "cushioned-carton"]
    rates = {f"damage:{n}": pa.array(np.full(200, 0.2 * 0.5**i)) for i, n in enumerate(names)}
    given = read_folder(inputs["scores"])
    joined = pa.table({**{n: given[n] for n in given.column_names}, **rates})
    inputs["scores"] = write_scores(tmp_path / "joint", joined)
    rows = read_tables(desk.do("recommend", recommend.run, inputs) / "recommendations")
    chosen = rows["package_type"].to_pylist()
    assert rows["est_damage"].to_pylist() == [0.2 * 0.5 ** names.index(n) for n in chosen]


def test_without_any_model_the_baseline_decides_and_nothing_is_claimed(desk: Desk) -> None:
    rows = read_tables(desk.do("recommend", recommend.run, ready(desk, products(60), [])) / "recommendations")
    assert set(rows["rule"].to_pylist()) <= {"baseline", "only-fit", "no-fit"}
    baseline = [row for row in rows.to_pylist() if row["package_type"] == "carton"]
    assert baseline
    assert all(row["est_damage"] is None and row["est_cost"] is None for row in baseline)
