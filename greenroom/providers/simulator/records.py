"""What became of one request: `Entry` while it is written, `RequestRecord` once it is read."""

from dataclasses import dataclass, field
from typing import Literal

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.reply import HttpRequest, SeenHeaders
from greenroom.providers.simulator.script import Script

Ended = Literal["completed", "client_disconnected", "cut", "reset", "server_stopped", "server_error"]
"""`cut`: closed too early by the script. `reset`: by RST. `server_error`: a bug of the simulator."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request and what became of it. `*_s` are of `time.monotonic()`, the same for all of this machine.

    `ended` is None while the answer is under way. `stalled_s` is when a stall without end began.
    """

    number: int
    """From 1, in the order in which answers began."""
    method: str
    path: str
    headers: SeenHeaders
    connection: int
    """Number of the connection; two requests with the same one shared it."""
    status: int
    started_at_s: float
    """Seconds since 1970."""
    started_s: float
    ended: Ended | None
    ended_s: float | None
    first_delta_s: float | None
    last_write_s: float | None
    stalled_s: float | None
    deltas_sent: int
    bytes_sent: int
    """Bytes of the body that the socket took; HTTP framing is not counted."""
    model: str | None
    body: FrozenMap | None = field(repr=False)
    """The JSON object that came; None where it was none."""
    raw_body: bytes = field(repr=False)
    script: Script | None = field(repr=False)
    """The script that answered; None for the made-up answer and for requests that no script answers."""

    @property
    def disconnect_noticed_after_s(self) -> float | None:
        """From the last byte sent (or the start) to the moment the client was seen to be gone."""
        if self.ended != "client_disconnected" or self.ended_s is None:
            return None
        return self.ended_s - (self.last_write_s or self.started_s)


class Entry:
    """A record being written. The server's thread writes; any thread may take a snapshot."""

    __slots__ = (
        "_final", "body", "bytes_sent", "connection", "deltas_sent", "ended", "ended_s", "first_delta_s",
        "last_write_s", "model", "number", "request", "script", "stalled_s", "started_at_s", "started_s",
        "status",
    )  # fmt: skip

    def __init__(self, request: HttpRequest, connection: int, started_s: float, started_at_s: float) -> None:
        self.number = 0
        self.request = request
        self.connection = connection
        self.started_s = started_s
        self.started_at_s = started_at_s
        self.status = 0
        self.model: str | None = None
        self.body: FrozenMap | None = None
        self.script: Script | None = None
        self.ended: Ended | None = None
        self.ended_s: float | None = None
        self.first_delta_s: float | None = None
        self.last_write_s: float | None = None
        self.stalled_s: float | None = None
        self.deltas_sent = self.bytes_sent = 0
        self._final: RequestRecord | None = None

    def sent(self, size: int, deltas: int, now_s: float) -> None:
        """This much of the answer went to the socket."""
        self.bytes_sent += size
        self.deltas_sent += deltas
        self.last_write_s = now_s
        if deltas and self.first_delta_s is None:
            self.first_delta_s = now_s

    def snapshot(self) -> RequestRecord:
        """The record as it stands."""
        if self._final is not None:
            return self._final
        done = self.ended is not None
        request = self.request
        record = RequestRecord(
            number=self.number,
            method=request.method,
            path=request.path,
            headers=request.headers,
            connection=self.connection,
            status=self.status,
            started_at_s=self.started_at_s,
            started_s=self.started_s,
            ended=self.ended,
            ended_s=self.ended_s,
            first_delta_s=self.first_delta_s,
            last_write_s=self.last_write_s,
            stalled_s=self.stalled_s,
            deltas_sent=self.deltas_sent,
            bytes_sent=self.bytes_sent,
            model=self.model,
            body=self.body,
            raw_body=request.body,
            script=self.script,
        )
        if done:
            self._final = record
        return record
