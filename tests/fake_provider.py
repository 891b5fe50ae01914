"""A provider without a socket: a wire that speaks lines, played by the test's thread.

The lines: `t hello` text, `r why` reasoning, `u 5` usage, `c name` a tool call begins, `.` progress without
content, `fin` all but the end was read, `raw x`, `done`, `pause`, `fail message`, `boom` raises. A status of
400 and more makes the body the message of an http failure.
"""

import asyncio
from typing import Any

from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.commands import HttpRequest, WireEnd, WireHead, WireRead
from greenroom.messages.contracts import Call, Decoded, Target, TransportError
from greenroom.messages.deltas import (
    Delta,
    RawDelta,
    ReasoningDelta,
    TextDelta,
    ToolCallStarted,
    UsageDelta,
)
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.usage import Usage
from greenroom.messages.value import FrozenMap

from crashing import Boom


class LineCodec:
    """Implements messages.contracts.Codec."""

    kind = "lines"

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.encode_errors: list[Exception] = []

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        """Takes everything."""

    def encode(self, call: Call, resume: Any = None) -> HttpRequest:
        self.calls.append(call)
        if self.encode_errors:
            raise self.encode_errors.pop(0)
        return HttpRequest("POST", "/lines", ())

    def start(self, call: Call, resume: Any = None) -> "LineDecoder":
        return LineDecoder(call)


class LineDecoder:
    """Implements messages.contracts.Decoder."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._rest = b""
        self._status = 200
        self._adjust: str | None = None
        self._retry_after_s: float | None = None
        self._usage = Usage()
        self._over = self._finished = False

    def head(self, head: WireHead) -> None:
        self._status = head.status
        headers = dict(head.headers)
        self._adjust = headers.get("adjust")
        self._retry_after_s = float(headers["retry-after"]) if "retry-after" in headers else None

    def feed(self, data: bytes, seq: int, received_at: float) -> Decoded:
        decoded = Decoded()
        self._rest += data
        while b"\n" in self._rest and self._status < 400 and not self._over:
            line, self._rest = self._rest.split(b"\n", 1)
            word, _, rest = line.decode().partition(" ")
            delta = self._delta(word, rest, seq, received_at)
            if delta is not None:
                decoded.deltas.append(delta)
                seq += 1
            else:
                self._sign(word, rest, decoded)
        return decoded

    def _delta(self, word: str, rest: str, seq: int, received_at: float) -> Delta | None:
        common: dict[str, Any] = {
            "seq": seq, "stream_id": self._call.stream_id, "request_id": self._call.request_id,
            "received_at": received_at,
        }  # fmt: skip
        match word:
            case "t":
                return TextDelta(text=rest, **common)
            case "r":
                return ReasoningDelta(reasoning=rest, **common)
            case "u":
                self._usage = Usage(output_tokens=int(rest), source="provider")
                return UsageDelta(usage=self._usage, **common)
            case "c":
                return ToolCallStarted(call_index=0, call_id="1", name=rest, **common)
            case "raw":
                return RawDelta(event=rest, data=FrozenMap(), **common)
            case _:
                return None

    def _sign(self, word: str, rest: str, decoded: Decoded) -> None:
        match word:
            case ".":
                decoded.progress = True
            case "fin":
                decoded.finished = self._finished = True
            case "done" | "pause":
                decoded.answer, decoded.paused = self._answer("stop"), word == "pause"
                self._over = True
            case "fail":
                decoded.failure = ErrorEvidence(kind="in_stream", message=rest, error_type="server_error")
                self._over = True
            case "boom":
                raise Boom(rest)

    def finish(self, clean: bool, seq: int, received_at: float) -> Decoded:
        if self._over:
            return Decoded()
        if self._status >= 400:
            failure = ErrorEvidence(
                kind="http", status=self._status, message=self._rest.decode(), adjust=self._adjust,
                retry_after_s=self._retry_after_s,
            )  # fmt: skip
            return Decoded(failure=failure)
        if clean and self._finished:
            return Decoded(answer=self._answer("stop"))
        return Decoded(failure=ErrorEvidence(kind="protocol", phase="end", message="cut before its end"))

    def answer_so_far(self) -> Answer:
        return self._answer(None)

    def _answer(self, reason: Any) -> Answer:
        ends = (ChoiceEnd(reason=reason, raw=reason),) if reason else ()
        return Answer(response_id="resp", model="m-1", ends=ends, usage=self._usage)


class FakeWire:
    """Implements messages.contracts.Wire. The test plays the provider: `head`, `send`, `end`."""

    def __init__(self, link: "FakeLink", epoch: int, deliver: Any, free: Any) -> None:
        self.link, self.epoch, self._deliver, self._free = link, epoch, deliver, free
        self.paused = self.aborted = self.over = False
        self.pauses = 0

    # the dispatcher's thread

    def pause(self) -> None:
        self.paused = True
        self.pauses += 1

    def resume(self) -> None:
        self.paused = False

    def abort(self) -> None:
        if not self.over:
            self.over = self.aborted = True
            self.link.reusable = False
            self._free()

    # the test's thread

    def head(self, status: int = 200, **headers: str) -> "FakeWire":
        names = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return self._read(head=WireHead(status, names))

    def send(self, *lines: str) -> "FakeWire":
        return self._read(data="".join(f"{line}\n" for line in lines).encode())

    def end(self, clean: bool = True, keep: bool = True, evidence: ErrorEvidence | None = None) -> "FakeWire":
        return self._read(end=WireEnd(clean, evidence), keep=keep and clean)

    def cut(self, reused: bool = False) -> "FakeWire":
        text = "the connection was reset"
        evidence = ErrorEvidence(kind="transport", phase="body", message=text, reused_connection=reused)
        return self.end(clean=False, evidence=evidence)

    def _read(self, keep: bool = True, **read: Any) -> "FakeWire":
        rig = self.link.transport.rig
        stamp_s = rig.clock.now_s()

        def deliver() -> None:
            if self.over:
                return
            ended = read.get("end") is not None
            self.over = ended
            if ended and not keep:
                self.link.reusable = False
            self._deliver(WireRead(self.epoch, stamp_s, **read))
            if ended:
                self._free()

        rig.dispatcher.call(deliver)
        rig.settle()
        return self


class FakeLink:
    """Implements messages.contracts.Link."""

    def __init__(self, transport: "FakeTransport") -> None:
        self.transport = transport
        self.reusable = True
        self.closed = False
        self.exchanges = 0
        self.idle_limit_s: float | None = None
        self.on_close: Any = None

    def exchange(self, request: HttpRequest, epoch: int, deliver: Any, free: Any) -> FakeWire:
        error = self.transport.exchange_errors.pop(0) if self.transport.exchange_errors else None
        if error is not None:
            raise error
        wire = FakeWire(self, epoch, deliver, free)
        self.exchanges += 1
        self.transport.wires.append(wire)
        return wire

    def close(self) -> None:
        self.reusable, self.closed = False, True


class FakeTransport:
    """Implements messages.contracts.Transport. `failures` are raised by the next connects, in order."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.wires: list[FakeWire] = []
        self.links: list[FakeLink] = []
        self.failures: list[Exception | None] = []
        self.exchange_errors: list[Exception | None] = []
        self.connects = 0
        self.closed = False
        self.held: list[asyncio.Future[None]] | None = None
        """A list: connects wait until `let_connect`."""

    async def connect(self, timeout_s: float) -> FakeLink:
        self.connects += 1
        self.closed = False
        if self.held is not None:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.held.append(waiting)
            await waiting
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        link = FakeLink(self)
        self.links.append(link)
        return link

    def let_connect(self) -> None:
        held, self.held = self.held or [], None
        for waiting in held:
            self.rig.dispatcher.call(lambda w=waiting: None if w.done() else w.set_result(None))
        self.rig.settle()

    def close(self) -> None:
        self.closed = True


def refused(message: str = "connection refused") -> TransportError:
    return TransportError(ErrorEvidence(kind="transport", phase="connect", message=message))
