"""A real server on loopback that answers each path with what the test gave, and remembers what it was asked."""

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from held_server import HeldServer, QuietHandler


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


class ListServer(HeldServer):
    """`answers`: by path with its query, else by path alone; others get 404. All wait for `release`."""

    def __init__(self, answers: dict[str, Given | Any] | None = None) -> None:
        super().__init__(_Handler)
        self.answers: dict[str, Any] = dict(answers or {})
        self.seen: list[Seen] = []

    @property
    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]


class _Handler(QuietHandler, BaseHTTPRequestHandler):
    owner: ListServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        owner = self.owner
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.seen.append(Seen(self.command, self.path, headers, body))
        owner.meet()
        missing = Given({"error": {"message": "no such page"}}, 404)
        found = owner.answers.get(self.path, owner.answers.get(self.path.partition("?")[0], missing))
        given = found if isinstance(found, Given) else Given(found)
        data = given.data
        self.send_response(given.status)
        for name, value in ({"content-type": "application/json"} | given.headers).items():
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.send_body(data)

    def do_POST(self) -> None:
        self.do_GET()
