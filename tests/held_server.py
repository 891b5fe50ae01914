"""An HTTP server on loopback that can keep who asks it waiting. Its handlers know it as their `owner`."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class HeldServer:
    """`asked` is set by who asks; answers wait for `release`. Handlers do both by `meet`."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], *, held: bool = False) -> None:
        self.asked = threading.Event()
        self.release = threading.Event()
        if not held:
            self.release.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), {"owner": self}))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.root = f"http://127.0.0.1:{self._server.server_port}"

    def meet(self) -> None:
        """Somebody asks; returns when it may be answered."""
        self.asked.set()
        self.release.wait(20)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class QuietHandler(BaseHTTPRequestHandler):
    """Logs nothing, and does not mind a client that has gone."""

    def send_body(self, data: bytes) -> None:
        """The end of an answer."""
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Silent."""
