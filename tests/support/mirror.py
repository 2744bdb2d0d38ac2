"""A web server on this machine that image sets are downloaded from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mirror:
    """A local web server; `bodies` maps a path to what is sent, and `answers` to how."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.status = 200
        self.instead = b""
        self.asked: list[str] = []
        self.announced: Callable[[bytes], int | None] = len
        self.send: Callable[[Any, bytes], Any] = lambda file, body: file.write(body)
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                if mirror.instead:
                    self.wfile.write(mirror.instead)
                    return
                body = mirror.bodies.get(self.path)
                self.send_response(mirror.status if body is not None else 404)
                length = mirror.announced(body or b"")
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                mirror.send(self.wfile, body or b"")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.netloc = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.netloc}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
