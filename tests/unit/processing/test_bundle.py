from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from processing import bundle
from processing.artefact import Entry, read_index, unpack, write_index
from processing.invocations import PARQUET, Application
from processing.job import Exit, manifest_of
from processing.scoring.bundle import Bundle
from processing.tables import encode
from tests.unit.processing.conftest import Enter, Trained
from tests.unit.processing.world import Desk, as_type, call, contents, products, settings, told

TRAINED_TYPES = ["none", "paper-bag", "padded-mailer", "book-box", "carton"]


def approve(desk: Desk, model: Path, *names: str) -> dict[str, str]:
    """Approve a copy of the model for each package type; the versions' ARNs."""
    return {
        n: desk.cloud.publish(f"rightpack-dev-{n}", as_type(model, desk.folder / f"of-{n}" / "m", n)) for n in names
    }


def test_every_trained_type_with_an_approved_model_is_in_it_with_its_version(desk: Desk, trained: Trained) -> None:
    arns = approve(desk, trained.model, *TRAINED_TYPES)
    entries, left_out = read_index(desk.bundle())
    assert {e.package_type: e.model_version for e in entries} == arns
    assert {e.approved_at for e in entries} == {"2026-11-01T12:00:00"}
    assert left_out == []


def test_types_without_an_approved_model_are_listed_and_counted(desk: Desk, trained: Trained) -> None:
    approve(desk, trained.model, "carton", "book-box")
    entries, left_out = read_index(desk.bundle())
    assert [e.package_type for e in entries] == ["book-box", "carton"]
    assert left_out == ["none", "padded-mailer", "paper-bag"]
    missing = desk.cloud.cloudwatch.values("ModelMissing")
    assert missing == {"none": 1, "paper-bag": 1, "padded-mailer": 1, "book-box": 0, "carton": 0, "every-type": 1}


def test_without_any_approved_model_the_run_ends_and_says_what_to_do(desk: Desk, enter: Enter) -> None:
    job = desk.job("bundle")
    assert enter(bundle.main, job) == Exit.FINAL
    message = told(job)
    assert message.startswith(
        "DataError: Nothing that is trained (none, paper-bag, padded-mailer, book-box, carton, every-type)"
    )
    assert "Train first, or approve a version by hand" in message
    assert not (job.root / "processing" / "output" / "bundle" / "model.tar.gz").exists()


def test_a_rejected_version_does_not_serve(desk: Desk, trained: Trained) -> None:
    arns = approve(desk, trained.model, "carton")
    newer = desk.cloud.publish("rightpack-dev-carton", as_type(trained.model, desk.folder / "newer", "carton"), 2)
    assert read_index(desk.bundle("before"))[0][0].model_version == newer
    del desk.cloud.sagemaker.packages[newer]  # what the service lists when only approved versions are asked for
    assert read_index(desk.bundle("after"))[0][0].model_version == arns["carton"]


def test_the_artefact_unpacks_to_models_that_score_together(desk: Desk, trained: Trained) -> None:
    approve(desk, trained.model, "carton", "paper-bag")
    bundled = desk.bundle()
    folder = unpack(bundled / "model.tar.gz", desk.folder / "unpacked")
    assert (folder / "bundle.json").read_bytes() == (bundled / "bundle.json").read_bytes()
    application = Application(Bundle.load(folder))
    assert call(application, "POST", "/invocations", encode(products(5)), PARQUET)[0] == "200 OK"
    assert Bundle.load(folder).score(products(5)).column_names == ["row_id", "carton", "paper-bag"]


def test_the_same_models_give_the_same_bytes(desk: Desk, trained: Trained) -> None:
    approve(desk, trained.model, "carton", "none")
    first, second = desk.bundle("first"), desk.bundle("second")
    assert contents(first) == contents(second)
    assert sorted(contents(first)) == ["bundle.json", "model.tar.gz"]


def test_the_step_manifest_speaks_for_the_output(desk: Desk, trained: Trained) -> None:
    approve(desk, trained.model, "carton")
    bundled = desk.bundle()
    assert manifest_of(bundled).check(bundled, "bundle").bytes > 0


def test_a_version_that_holds_another_types_model_is_named(desk: Desk, trained: Trained) -> None:
    arn = desk.cloud.publish("rightpack-dev-carton", trained.model)
    code, message = desk.attempt("bundle", bundle.run)
    assert code == Exit.FINAL
    assert message.startswith(
        f"DataError: {arn} should hold a model of 'carton', but it holds padded-mailer. Reject that version."
    )


def test_a_version_whose_training_never_ended_is_refused(desk: Desk, trained: Trained) -> None:
    model = as_type(trained.model, desk.folder / "torn", "carton")
    (model / "carton" / "card.json").unlink()
    desk.cloud.publish("rightpack-dev-carton", model)
    code, message = desk.attempt("bundle", bundle.run)
    assert code == Exit.FINAL
    assert "'carton' has no whole card.json" in message


def test_a_version_that_points_out_of_its_artefact_is_refused(desk: Desk, trained: Trained) -> None:
    model = as_type(trained.model, desk.folder / "sly", "carton")
    write_index(model, [Entry("carton", "..", "lightgbm")])
    desk.cloud.publish("rightpack-dev-carton", model)
    code, message = desk.attempt("bundle", bundle.run)
    assert code == Exit.FINAL
    assert "names a folder outside of the artefact: '..'" in message


def test_an_artefact_with_a_link_is_refused(desk: Desk, trained: Trained) -> None:
    arn = desk.cloud.publish("rightpack-dev-carton", as_type(trained.model, desk.folder / "m", "carton"))
    evil = desk.folder / "evil.tar.gz"
    with tarfile.open(evil, "w:gz") as archive:
        link = tarfile.TarInfo("bundle.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    desk.cloud.s3.objects["models", "rightpack-dev-carton/1/model.tar.gz"] = evil.read_bytes()
    code, message = desk.attempt("bundle", bundle.run)
    assert arn
    assert code == Exit.FINAL
    assert "'bundle.json', which is no plain file" in message


def test_an_artefact_that_is_gone_is_a_matter_of_data(desk: Desk, trained: Trained) -> None:
    approve(desk, trained.model, "carton")
    desk.cloud.s3.objects.clear()
    code, message = desk.attempt("bundle", bundle.run)
    assert code == Exit.FINAL
    assert message.startswith("DataError: An object that should be in S3 is not there")


@pytest.mark.parametrize("trained_too", [True, False])
def test_a_type_that_is_not_trained_any_more_is_neither_used_nor_missed(
    trained_too: bool, tmp_path: Path, trained: Trained
) -> None:
    desk = Desk(tmp_path, settings(package_types={"book-box": {"trained": trained_too}}))
    approve(desk, trained.model, "carton", "book-box")
    entries, left_out = read_index(desk.bundle())
    assert ("book-box" in [e.package_type for e in entries]) is trained_too
    assert "book-box" not in left_out


def test_the_bundle_json_beside_the_archive_is_readable_by_people(desk: Desk, trained: Trained) -> None:
    approve(desk, trained.model, "carton")
    raw = json.loads((desk.bundle() / "bundle.json").read_text())
    assert raw["version"] == 1
    assert raw["models"][0]["directory"] == "carton"
