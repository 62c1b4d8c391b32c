from __future__ import annotations

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from processing import invocations, serve
from processing.artefact import Entry, write_index
from processing.invocations import CSV, PARQUET, Application
from processing.job import Exit, Job
from processing.scoring.bundle import Bundle
from processing.serve import options_of
from processing.tables import encode
from rightpack.errors import SettingsError
from tests.unit.processing.conftest import Enter, Trained
from tests.unit.processing.world import ENVIRONMENT, TYPE, as_type, call, products, told

PATIENCE = 60.0


@pytest.fixture(scope="module")
def application(trained: Trained) -> Application:
    return Application(Bundle.load(trained.model))


def scored(application: Application, table: pa.Table) -> pa.Table:
    status, body = call(application, "POST", "/invocations", encode(table), PARQUET)
    assert status == "200 OK", body
    return pq.read_table(pa.BufferReader(body))


def csv_of(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pacsv.write_csv(table, sink)
    return bytes(sink.getvalue().to_pybytes())


def test_ping_says_yes(application: Application) -> None:
    assert call(application, "GET", "/ping") == ("200 OK", b"")


@pytest.mark.parametrize("concurrency", [1, 2, 4, 16])
def test_what_it_asks_of_batch_transform_is_within_the_platforms_limits(concurrency: int, trained: Trained) -> None:
    application = Application(Bundle.load(trained.model), concurrency)
    wish = json.loads(call(application, "GET", "/execution-parameters")[1])
    assert wish["MaxConcurrentTransforms"] == concurrency
    assert wish["MaxConcurrentTransforms"] * wish["MaxPayloadInMB"] <= 100
    assert wish["BatchStrategy"] == "SINGLE_RECORD"


def test_every_row_gets_one_score_under_its_id_in_its_place(application: Application) -> None:
    table = products(200)
    answer = scored(application, table)
    assert answer.column_names == ["row_id", TYPE]
    assert answer["row_id"].to_pylist() == table["product_id"].to_pylist()
    assert answer[TYPE].type == pa.float64()
    scores = answer[TYPE].to_numpy()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert len(np.unique(scores)) > 20


def test_a_row_id_goes_before_the_product_id(application: Application) -> None:
    table = products(3).append_column("row_id", pa.array(["a", "b", "c"]))
    assert scored(application, table)["row_id"].to_pylist() == ["a", "b", "c"]


def test_the_same_request_gets_the_same_bytes(application: Application) -> None:
    answers = {call(application, "POST", "/invocations", encode(products(100)), PARQUET) for _ in range(3)}
    assert len(answers) == 1


def test_a_score_does_not_depend_on_the_rows_beside_it(application: Application) -> None:
    table = products(60)
    whole = scored(application, table)
    alone = [scored(application, table.slice(i, 1))[TYPE][0].as_py() for i in range(0, 60, 7)]
    assert alone == whole[TYPE].to_pylist()[::7]


def test_csv_gives_the_scores_that_parquet_gives(application: Application) -> None:
    table = products(100)
    status, body = call(application, "POST", "/invocations", csv_of(table), "text/csv; charset=utf-8", CSV)
    assert status == "200 OK"
    assert not body.endswith(b"\n")
    lines = body.decode().splitlines()
    assert len(lines) == 101
    found = [float(line.split(",")[1]) for line in lines[1:]]
    assert found == scored(application, table)[TYPE].to_pylist()


def test_numbers_that_come_as_texts_or_integers_score_alike(application: Application) -> None:
    table = products(50)
    place = table.column_names.index("weight_g")
    for other in (pa.string(), pa.int64(), pa.float32()):
        values = table["weight_g"].cast(pa.int64()).cast(other)
        assert scored(application, table.set_column(place, "weight_g", values)).equals(scored(application, table))


def test_a_category_never_seen_before_counts_as_not_known(application: Application) -> None:
    table = products(40)
    place = table.column_names.index("category")
    strange = table.set_column(place, "category", pa.array(["spaceships \U0001f680"] * 40))
    unknown = table.set_column(place, "category", pa.array([None] * 40, pa.string()))
    assert scored(application, strange).equals(scored(application, unknown))


def test_rows_of_which_nothing_is_known_get_a_score_too(application: Application) -> None:
    table = products(5)
    empty = pa.table({n: pa.nulls(5, table.schema.field(n).type) for n in table.column_names if n != "product_id"})
    answer = scored(application, empty.append_column("product_id", table["product_id"]))
    assert len(set(answer[TYPE].to_pylist())) == 1


def test_columns_beyond_the_contract_change_nothing(application: Application) -> None:
    table = products(20)
    assert scored(application, table.append_column("suitable", pa.array([1] * 20))).equals(scored(application, table))


def test_a_missing_column_is_named(application: Application) -> None:
    status, body = call(application, "POST", "/invocations", encode(products(5).drop_columns(["title"])), PARQUET)
    assert status == "400 Bad Request"
    assert b"'title'" in body


def test_a_value_of_another_kind_is_named_with_its_column(application: Application) -> None:
    table = products(5)
    heavy = table.set_column(table.column_names.index("weight_g"), "weight_g", pa.array(["heavy"] * 5))
    status, body = call(application, "POST", "/invocations", encode(heavy), PARQUET)
    assert status == "400 Bad Request"
    assert b"'weight_g'" in body


@pytest.mark.parametrize("kind", [PARQUET, CSV])
@pytest.mark.parametrize("body", [b"", b"\x80\x04nonsense", b"PAR1PAR1", b"a,b\n1\n"])
def test_a_body_that_is_not_what_it_says_is_the_callers_fault(kind: str, body: bytes, application: Application) -> None:
    status, answer = call(application, "POST", "/invocations", body, kind)
    assert status == "400 Bad Request"
    assert answer


@pytest.mark.parametrize(
    ("method", "path", "kind", "accept", "status"),
    [
        ("GET", "/", "", "", "404 Not Found"),
        ("GET", "/invocations", "", "", "404 Not Found"),
        ("POST", "/invocations", "application/json", "", "415 Unsupported Media Type"),
        ("POST", "/invocations", "", "", "415 Unsupported Media Type"),
        ("POST", "/invocations", PARQUET, "application/json", "406 Not Acceptable"),
    ],
)
def test_what_is_not_offered_is_refused_in_http_terms(
    method: str, path: str, kind: str, accept: str, status: str, application: Application
) -> None:
    answer, body = call(application, method, path, encode(products(2)), kind, accept)
    assert answer == status
    assert body


@pytest.mark.parametrize("accept", ["", "*/*", f"application/json, {PARQUET};q=0.5", f"{PARQUET},{CSV}"])
def test_parquet_is_the_answer_unless_somebody_asks_for_csv(accept: str, application: Application) -> None:
    _, body = call(application, "POST", "/invocations", encode(products(2)), PARQUET, accept)
    assert body.startswith(b"PAR1")


def test_a_body_above_the_limit_is_refused(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    body = encode(products(5))
    monkeypatch.setattr(invocations, "LARGEST_BODY", len(body))
    assert call(application, "POST", "/invocations", body, PARQUET)[0] == "200 OK"
    assert call(application, "POST", "/invocations", body + b"x", PARQUET)[0].startswith("413 ")


class BrokenBundle:
    def score(self, table: pa.Table) -> pa.Table:
        raise ZeroDivisionError("broken")


def test_our_own_failure_is_a_500_and_the_service_goes_on(application: Application) -> None:
    broken = Application(cast("Bundle", BrokenBundle()))
    status, body = call(broken, "POST", "/invocations", encode(products(2)), PARQUET)
    assert status == "500 Internal Server Error"
    assert b"ZeroDivisionError" in body
    assert call(broken, "GET", "/ping")[0] == "200 OK"


def test_the_length_of_the_answer_is_declared(application: Application) -> None:
    seen: dict[str, str] = {}
    body = encode(products(2))
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/invocations", "CONTENT_TYPE": PARQUET}
    answer = b"".join(application({**environ, "wsgi.input": io.BytesIO(body)}, lambda _, h: seen.update(dict(h))))
    assert seen == {"Content-Type": PARQUET, "Content-Length": str(len(answer))}


def test_a_bundle_of_two_scores_both_at_once(trained: Trained, tmp_path: Path) -> None:
    for name in ("carton", "book-box"):
        (as_type(trained.model, tmp_path / f"{name}-alone", name) / name).rename(tmp_path / name)
    write_index(tmp_path, [Entry(n, n, "lightgbm", f"arn:{n}") for n in ("book-box", "carton")])
    answer = scored(Application(Bundle.load(tmp_path)), products(30))
    assert answer.column_names == ["row_id", "book-box", "carton"]
    assert answer["carton"].equals(answer["book-box"])


def spoil(model: Path, folder: Path) -> None:
    as_type(model, folder, TYPE)
    (folder / TYPE / "card.json").unlink()


def test_a_half_written_model_is_refused_before_the_port_is_opened(
    trained: Trained, tmp_path: Path, enter: Enter
) -> None:
    spoil(trained.model, tmp_path / "model")
    job = Job(tmp_path, ENVIRONMENT)
    assert enter(serve.main, job) == Exit.FINAL
    assert f"The model in '{TYPE}' has no whole card.json; its training did not end." in told(job)


def test_a_port_that_is_no_number_is_named() -> None:
    with pytest.raises(SettingsError, match="SAGEMAKER_BIND_TO_PORT must be a port number, not 'http'"):
        options_of({"SAGEMAKER_BIND_TO_PORT": "http"}, 2)


def test_one_thread_per_core_up_to_a_limit_on_every_interface_by_default() -> None:
    assert options_of({}, 4)["threads"] == 4
    assert options_of({}, 999)["threads"] == serve.MOST_CONCURRENT
    assert options_of({}, 4)["bind"] == "0.0.0.0:8080"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(root: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    own = {"RIGHTPACK_ML_ROOT": str(root), "SAGEMAKER_BIND_TO_PORT": str(port), "RIGHTPACK_SERVE_HOST": "127.0.0.1"}
    environment = {**os.environ, **own, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-m", "processing.serve"], env=environment, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            if request(port, "GET", "/ping")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"The service did not start; exit code {process.poll()}.")


def request(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer: Any = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_real_service_answers_over_http_byte_for_byte_as_the_application_does(
    trained: Trained, application: Application, tmp_path: Path
) -> None:
    (tmp_path / "model").symlink_to(trained.model, target_is_directory=True)
    body, port = encode(products(500)), free_port()
    with serving(tmp_path, port) as process:
        until_it_answers(process, port)
        first, again = (request(port, "POST", "/invocations", body, Content_Type=PARQUET) for _ in range(2))
        refused = request(port, "POST", "/invocations", b"no", Content_Type=PARQUET)
    assert first == again == (200, call(application, "POST", "/invocations", body, PARQUET)[1])
    assert refused[0] == 400
