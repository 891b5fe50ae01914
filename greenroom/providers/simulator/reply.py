"""What stands between a wire and the server: a request as it came, and the steps of an answer.

A wire turns (HttpRequest, Script) into a Reply; the server plays it. Neither knows the other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from greenroom.providers.simulator.script_faults import USUAL_FORM, Cut, Drip, Flood, HttpForm

_SECRET_HEADERS = {"api-key", "authorization", "cookie", "proxy-authorization", "x-api-key", "x-goog-api-key"}


class SeenHeaders(Mapping[str, str]):
    """Headers by lower-case name, looked up in any case; repeated ones joined. Secrets are hidden in repr."""

    __slots__ = ("_items",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._items: dict[str, str] = {}
        for name, value in pairs:
            key = name.lower()
            self._items[key] = f"{self._items[key]}, {value}" if key in self._items else value

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def shown(self) -> dict[str, str]:
        """The headers, with secrets hidden."""
        return {k: "(hidden)" if k in _SECRET_HEADERS else v for k, v in self._items.items()}

    def __repr__(self) -> str:
        return f"SeenHeaders({self.shown()!r})"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One whole request. `path` is without the query; `keep_alive` is the client's wish."""

    method: str
    path: str
    headers: SeenHeaders
    body: bytes = b""
    query: str = ""
    keep_alive: bool = True
    http_1_0: bool = False


class Ending(StrEnum):
    """How an answer ends."""

    END = "end"
    """HTTP ends well."""
    FIN = "fin"
    """Closed where more was announced."""
    HALF_CLOSE = "half_close"
    """FIN, and the socket stays open for reading."""
    RESET = "reset"
    """RST."""
    SERVER_CRASH = "crash_server"
    """The whole server goes down: RST on every connection, and the port closed."""
    STALL = "stall"
    """It does not end: open and silent."""
    CRASH = "crash"
    """A bug of the simulator; no script asks for it."""


class Step(NamedTuple):
    """`delay_s` after the step before it was due, `data` goes out; `ending`, where given, comes after it."""

    data: bytes
    delay_s: float = 0.0
    deltas: int = 0
    ending: Ending | None = None
    framed: bool = True
    """False: bytes that stand outside HTTP's framing."""
    body_bytes: int = 0
    """How much of the data is body; set by whoever frames it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to play. `length`: Content-Length, None: as `http` says. `steps` are taken as they fall due."""

    status: int
    headers: tuple[tuple[str, str], ...]
    steps: Iterable[Step]
    length: int | None = None
    delay_s: float = 0.0
    close: bool = False
    instead: Ending | None = None
    """Where given, this happens in place of an answer."""
    http: HttpForm = USUAL_FORM
    request_id_header: str = "x-request-id"
    head_cut: Cut | None = None
    head_garbage: bytes | None = None
    head_flood: Flood | None = None
    drip: Drip | None = None
    down_s: float | None = None
    """How long the server stays down where it crashes; None: until it is told."""
