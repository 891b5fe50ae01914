"""What became of one request: `Entry` while it is written, `RequestRecord` once it is read."""

from dataclasses import dataclass, field
from typing import Literal

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.chaos import faults_of
from greenroom.providers.simulator.reply import HttpRequest, SeenHeaders
from greenroom.providers.simulator.script import Script

Ended = Literal[
    "completed", "client_disconnected", "cut", "reset", "crashed", "server_stopped", "server_error"
]
"""`cut`: closed too early by the script. `reset`: by RST. `crashed`: with the whole server. `server_error`: a bug
of the simulator."""
_REQUEST_IDS = ("x-request-id", "x-client-request-id", "x-ms-client-request-id")


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
    """The script that answered, as chaos left it; None for the made-up answer and what no script answers."""
    client_request_id: str | None = None
    """From x-request-id, x-client-request-id or x-ms-client-request-id: the same in all attempts of a request."""
    dialect: str | None = None
    chaos: str | None = None
    """What chaos did to this answer: the fault's name and its settings."""
    reused_connection: bool = False
    """It was not the first request on its connection."""

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that this answer was given, each with its settings, by script or by chaos."""
        return () if self.script is None else faults_of(self.script)

    @property
    def disconnect_noticed_after_s(self) -> float | None:
        """From the last byte sent (or the start) to the moment the client was seen to be gone."""
        if self.ended != "client_disconnected" or self.ended_s is None:
            return None
        return self.ended_s - (self.last_write_s or self.started_s)


class Entry:
    """A record being written. The server's thread writes; any thread may take a snapshot."""

    __slots__ = (
        "_final", "body", "bytes_sent", "chaos", "connection", "deltas_sent", "dialect", "ended", "ended_s",
        "first_delta_s", "last_write_s", "model", "number", "request", "reused", "script", "stalled_s",
        "started_at_s", "started_s", "status",
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
        self.dialect: str | None = None
        self.chaos: str | None = None
        self.reused = False
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
            client_request_id=next((request.headers[n] for n in _REQUEST_IDS if n in request.headers), None),
            dialect=self.dialect,
            chaos=self.chaos,
            reused_connection=self.reused,
        )
        if done:
            self._final = record
        return record
