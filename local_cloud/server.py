"""A threaded WSGI server on loopback that keeps connections open: werkzeug's own closes them after every answer."""

from __future__ import annotations

import io
import logging
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.server import MotoRequestHandler

LOG = logging.getLogger(__name__)
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_DRAIN = 1 << 20


class _Body(io.RawIOBase):
    """A request's body: no byte beyond its length is read, and what the application left can be skipped."""

    def __init__(self, raw: Any, length: int) -> None:
        self._raw, self._left = raw, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def drain(self) -> None:
        """Skip the rest, so that the next request line starts where the client put it."""
        while self._left and self.read(_DRAIN):
            pass


class _Response:
    """What the application said in `start_response`, held back until its first bytes are known."""

    def __init__(self) -> None:
        self.status, self.headers = "500 Internal Server Error", list[tuple[str, str]]()

    def start(self, status: str, headers: list[tuple[str, str]], _info: Any = None) -> Callable[[bytes], None]:
        self.status, self.headers = status, headers
        return self._no_write

    def sized(self) -> bool:
        return any(name.lower() == "content-length" for name, _ in self.headers)

    @staticmethod
    def _no_write(_data: bytes) -> None:
        raise NotImplementedError("the write() callable of WSGI is not supported")


class _Handler(MotoRequestHandler):  # type: ignore[misc]  # moto carries no types
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # header and body leave in one packet

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ, response = self.make_environ(), _Response()
        chunked_request = "HTTP_TRANSFER_ENCODING" in environ
        body = _Body(self.rfile, 0 if chunked_request else int(self.headers.get("Content-Length") or 0))
        stream = io.BufferedReader(body)  # held here: when it is collected it closes the body
        if not chunked_request:
            environ["wsgi.input"] = stream
        try:
            self._answer(self.server.app(environ, response.start), response)
            body.drain()
        except ConnectionError:
            self.close_connection = True
        if chunked_request:
            self.close_connection = True

    def _answer(self, parts: Iterable[bytes], response: _Response) -> None:
        code, _, text = response.status.partition(" ")
        bodiless = self.command == "HEAD" or code in {"204", "304"}
        chunked = not (response.sized() or bodiless)
        try:
            self.send_response(int(code), text)
            for name, value in response.headers:
                self.send_header(name, value)
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._write([] if bodiless else parts, chunked=chunked)
        finally:
            getattr(parts, "close", lambda: None)()

    def _write(self, parts: Iterable[bytes], *, chunked: bool) -> None:
        for data in parts:
            if data:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log(self, *_arguments: Any) -> None:  # the gateway keeps its own call log
        pass


class Server(socketserver.ThreadingTCPServer):
    """Serve one WSGI application on 127.0.0.1; `port` 0 picks a free one, which `url` then tells.

    Raises:
        OSError: The port is taken.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    multithread, multiprocess, ssl_context = True, False, None  # asked for by werkzeug's handler
    _server_version = "local-cloud"

    def __init__(self, app: WsgiApp, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.app = app
        self._open: set[Any] = set()
        self._thread = self._new_thread()
        self._restarting = threading.Lock()

    @property
    def url(self) -> str:
        """Endpoint for clients."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering, and close what clients still hold open."""
        with self._restarting:
            self._drop()
            self.server_close()

    def restart(self) -> None:
        """Drop every connection and begin anew, as a gateway that crashed does.

        The socket that listens stays: while a port is free, any client's connection may be given it.
        """
        with self._restarting:
            if not self._thread.is_alive():  # it was stopped meanwhile
                return
            self._drop()
            self._thread = self._new_thread()
            self._thread.start()

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self.serve_forever, args=(0.1,), name="gateway", daemon=True)

    def _drop(self) -> None:
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        for connection in list(self._open):
            _hang_up(connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forget a finished connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        """Log instead of writing to the terminal."""
        LOG.exception("a connection failed")


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # the client was faster
        LOG.debug("connection already closed")
