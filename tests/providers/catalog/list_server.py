"""A real server on loopback that answers each path with what the test gave, and remembers what it was asked."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Given:
    """One answer. A `body` that is no bytes is sent as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ListServer:
    """`answers`: by path with its query, else by path alone; others get 404. All wait for `release`."""

    def __init__(self, answers: dict[str, Given | Any] | None = None) -> None:
        self.answers: dict[str, Any] = dict(answers or {})
        self.seen: list[Seen] = []
        self.asked = threading.Event()
        self.release = threading.Event()
        self.release.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"owner": self}))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.root = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

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
    owner: ListServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        owner = self.owner
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.seen.append(Seen(self.command, self.path, headers, body))
        owner.asked.set()
        owner.release.wait(20)
        missing = Given({"error": {"message": "no such page"}}, 404)
        found = owner.answers.get(self.path, owner.answers.get(self.path.partition("?")[0], missing))
        given = found if isinstance(found, Given) else Given(found)
        data = given.data
        self.send_response(given.status)
        for name, value in ({"content-type": "application/json"} | given.headers).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.send_header("connection", "close")
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *args: object) -> None:
        """Silent."""
