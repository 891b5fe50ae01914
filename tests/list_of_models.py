"""A provider that the test can hold: an OpenAI-compatible list of models, and one answer to every chat."""

import json
from http.server import BaseHTTPRequestHandler

from held_server import HeldServer, QuietHandler

_CHUNK = {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}
_STREAM = f"data: {json.dumps(_CHUNK)}\n\ndata: [DONE]\n\n".encode()


class HeldList(HeldServer):
    """`names` are the models; `status` other than 200 is an outage of the list alone. `held`: lists wait."""

    def __init__(self, names: list[str], *, held: bool = False) -> None:
        super().__init__(_Handler, held=held)
        self.names = list(names)
        self.status = 200
        self.lists = self.chats = 0
        self.body: bytes | None = None
        self.url = f"{self.root}/v1"


class _Handler(QuietHandler, BaseHTTPRequestHandler):
    owner: HeldList

    def do_GET(self) -> None:
        self.owner.lists += 1
        self.owner.meet()
        body = json.dumps({"data": [{"id": name} for name in self.owner.names]}).encode()
        self._answer(self.owner.status, self.owner.body or body, "application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.owner.chats += 1
        self._answer(200, _STREAM, "text/event-stream")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_body(body)
