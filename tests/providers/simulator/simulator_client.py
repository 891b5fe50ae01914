"""A client for these tests: the standard library's, so that nothing of ours judges itself."""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenroom.providers.simulator import Simulator

PATH = "/v1/chat/completions"
LIMIT_S = 20.0


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0


def chat(content: str = "Hi", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}], "stream": True, **fields}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    broken: Exception | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> list[str]:
        return sse_data(self.body)

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(data) for data in self.data if data != "[DONE]"]

    @property
    def text(self) -> str:
        return text_of(self.chunks)


def sse_data(body: bytes) -> list[str]:
    lines = body.decode().split("\n")
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


def text_of(chunks: list[dict[str, Any]], key: str = "content") -> str:
    return "".join(c["delta"].get(key) or "" for chunk in chunks for c in chunk.get("choices", ()))


def ask(
    simulator: Simulator, body: Any = None, *, method: str = "POST", path: str = PATH, **headers: str
) -> Answer:
    connection = http.client.HTTPConnection(simulator.host, simulator.port, timeout=LIMIT_S)
    try:
        return send(connection, body, method=method, path=path, **headers)
    finally:
        connection.close()


def send(
    link: http.client.HTTPConnection, body: Any, *, method: str = "POST", path: str = PATH, **headers: str
) -> Answer:
    payload = body if isinstance(body, (bytes, type(None))) else json.dumps(body)
    link.request(method, path, payload, {"content-type": "application/json", **headers})
    response = link.getresponse()
    seen = {name.lower(): value for name, value in response.getheaders()}
    try:
        return Answer(response.status, seen, response.read())
    except http.client.IncompleteRead as error:
        return Answer(response.status, seen, error.partial, error)
    except OSError as error:
        return Answer(response.status, seen, b"", error)


def raw_request(body: Any, *lines: str) -> bytes:
    payload = json.dumps(body).encode()
    head = [f"POST {PATH} HTTP/1.1", "host: test", f"content-length: {len(payload)}", *lines, "", ""]
    return "\r\n".join(head).encode() + payload


def dial(simulator: Simulator) -> socket.socket:
    return socket.create_connection((simulator.host, simulator.port), timeout=LIMIT_S)


def read_all(sock: socket.socket) -> bytes:
    """Everything up to the end, a reset included."""
    parts = []
    try:
        while data := sock.recv(65_536):
            parts.append(data)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def read_until(sock: socket.socket, mark: bytes) -> bytes:
    got = b""
    while mark not in got:
        data = sock.recv(65_536)
        assert data, f"ended before {mark!r}: {got[-200:]!r}"
        got += data
    return got
