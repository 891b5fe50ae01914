"""A provider that the test can hold: an OpenAI-compatible list of models, and one answer to every chat."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

_CHUNK = {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}
_STREAM = f"data: {json.dumps(_CHUNK)}\n\ndata: [DONE]\n\n".encode()


class HeldList:
    """`names` are the models; `status` other than 200 is an outage of the list alone. `held`: lists wait."""

    def __init__(self, names: list[str], *, held: bool = False) -> None:
        self.names = list(names)
        self.status = 200
        self.lists = self.chats = 0
        self.body: bytes | None = None
        self.asked = threading.Event()
        self.release = threading.Event()
        if not held:
            self.release.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"owner": self}))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

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


class _Handler(BaseHTTPRequestHandler):
    owner: HeldList

    def do_GET(self) -> None:
        self.owner.lists += 1
        self.owner.asked.set()
        self.owner.release.wait(20)
        body = json.dumps({"data": [{"id": name} for name in self.owner.names]}).encode()
        self._answer(self.owner.status, self.owner.body or body, "application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.owner.chats += 1
        self._answer(200, _STREAM, "text/event-stream")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Silent."""
