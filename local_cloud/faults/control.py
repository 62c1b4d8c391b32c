"""`/_faults`: faults over HTTP, for the command line and for whoever tests against a running cloud."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from local_cloud import answers
from local_cloud.answers import Answer
from local_cloud.faults.desk import FaultDesk, Struck
from local_cloud.faults.fault import Fault
from local_cloud.wire import AwsError, Json

PREFIX = "_faults"


class Control:
    """`GET` what is armed, `GET /struck` what struck, `POST` a fault, `DELETE` all or `DELETE /ID` one."""

    def __init__(self, desk: FaultDesk) -> None:
        self._desk = desk

    def __call__(self, environ: dict[str, Any]) -> Answer:
        """Answer a request of the gateway's internal kind."""
        try:
            return _json(200, self._answer(environ["REQUEST_METHOD"], _below(environ), environ))
        except AwsError as error:
            return _json(error.status, {"code": error.code, "message": error.message})

    def _answer(self, method: str, place: str, environ: dict[str, Any]) -> Json:
        match method, place:
            case "GET", "":
                return {"faults": self._desk.armed()}
            case "GET", "struck":
                return {"struck": [_shortly(item) for item in self._desk.struck()]}
            case "POST", "":
                return {"id": self._desk.inject(Fault.from_json(_body(environ)))}
            case "DELETE", _:
                self._desk.clear(place)
                return {}
        raise AwsError("NotFound", f"There is no {method} of /{PREFIX}/{place}.", 404)


def _below(environ: dict[str, Any]) -> str:
    return str(environ["PATH_INFO"]).strip("/").removeprefix(PREFIX).strip("/")


def _body(environ: dict[str, Any]) -> Json:
    try:
        found = json.loads(environ["wsgi.input"].read() or b"null")
    except ValueError as error:
        raise AwsError("ValidationException", f"A fault is a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise AwsError("ValidationException", "A fault is a JSON object.")
    return found


def _json(status: int, document: Json) -> Answer:
    return answers.text(status, json.dumps(document).encode(), "application/json")


def _shortly(item: Struck) -> Json:
    """Without whole request bodies."""
    return {key: value for key, value in asdict(item).items() if key != "about"}
