"""One case as a value: what the parent asks of a child, as JSON on the child's command line."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["stream", "short", "long", "hold", "latency", "cancel", "import"]

WARM_EVENTS = 20
"""Deltas of the stream that is read before anything is measured: lazy imports and caches are then filled."""


@dataclass(frozen=True)
class Work:
    """One peer, one scenario. `host` is scheme and authority; `path` chooses the mode of the load server."""

    kind: Kind
    peer: str
    host: str = ""
    streams: int = 1
    events: int = 1
    interval_us: int = 0
    ramp_s: float = 0.0
    """All streams are opened evenly over this time: the same phases for every peer."""
    rounds: int = 1
    """Requests one after the other on each of the `streams`."""
    mode: str = ""
    ca_file: str | None = None

    @property
    def url(self) -> str:
        """What a client is given as its base URL."""
        return self.url_of(self.events)

    def url_of(self, events: int) -> str:
        """The same for streams of another length."""
        return f"{self.host}/s/{events}/{self.interval_us}/{self.mode}v1"

    @property
    def warm_url(self) -> str:
        """The same server, a short stream as fast as it goes."""
        return f"{self.host}/s/{WARM_EVENTS}/0/v1"

    @property
    def urls(self) -> list[str]:
        """Every base URL of the case, for clients that are made for one."""
        lengths = {1, 1000, self.events} if self.kind == "long" else {self.events}
        return sorted({self.warm_url, *map(self.url_of, lengths)})

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Work":
        """What `to_json` gave."""
        return cls(**json.loads(line))


def words(events: int) -> list[str]:
    """The text of each delta that a load server sends."""
    return [f" word{number % 1000}" for number in range(events)]


def as_base(url: str) -> tuple[str, int, str]:
    """Host, port and path of a base URL, for peers that open their own sockets."""
    authority, _, path = url.partition("://")[2].partition("/")
    host, _, port = authority.partition(":")
    return host, int(port), f"/{path}/chat/completions"


def request_body(model: str) -> bytes:
    """What the bare peers send; the SDKs and greenroom write their own."""
    return json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": True},
        separators=(",", ":"),
    ).encode()


def request_bytes(url: str, model: str) -> bytes:
    """Head and body of a bare peer's request."""
    host, port, path = as_base(url)
    body = request_body(model)
    head = f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
