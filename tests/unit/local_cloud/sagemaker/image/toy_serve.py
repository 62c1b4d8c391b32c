"""Answer every line with its distance to the model's mean; `fail` is a server error, `refuse` a bad request."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SHOWN = ("SAGEMAKER_BATCH", "SAGEMAKER_MAX_PAYLOAD_IN_MB", "SAGEMAKER_BATCH_STRATEGY", "A", "B", "RIGHTPACK_ML_ROOT")
if os.environ.get("SHOW"):
    sys.stdout.writelines(f"env:{key}={value}\n" for key, value in os.environ.items() if key in SHOWN)
mean = float((Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml")) / "model/mean.txt").read_text())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/execution-parameters" and os.environ.get("PARAMETERS"):
            self._answer(200, json.dumps({"BatchStrategy": "SINGLE_RECORD"}).encode())
        else:
            self._answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "fail" in body:
            self._answer(500, b"the toy broke")
        elif "refuse" in body:
            self._answer(400, b"not a number")
        else:
            self._answer(200, "\n".join(str(float(line) - mean) for line in body.split()).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
