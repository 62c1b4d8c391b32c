"""Answer every record of a request with what came in, as CSV or JSON lines, after the model's word."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

word = (Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml")) / "model/word.txt").read_text()


def answer(line: str, kind: str) -> str:
    return f"{word},{line}" if kind == "text/csv" else json.dumps({"word": word, "of": json.loads(line)})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        lines = [line for line in body.split("\n") if line]
        if os.environ.get("LOSE"):
            lines = lines[1:]
        kind = self.headers["Content-Type"]
        self._answer(200, "\n".join(answer(line, kind) for line in lines).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
