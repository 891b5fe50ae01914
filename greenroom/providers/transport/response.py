"""One HTTP/1.1 answer, from bytes to head, body and end. Sans-I/O; llhttp (httptools) reads the framing.

Rules. llhttp is strict as it comes: two lengths, a length beside chunks, bare line feeds, folded or malformed
headers are errors. What it lets through and we do not: versions other than 1.x, RTSP and ICE, transfer
codings other than chunked. Interim answers (1xx) are skipped, trailers dropped. What comes after the
end is not read; it only means that the connection is not used again.

    head --final head--> body --declared end--> over
      '---- rule broken, bound passed, EOF -----^

`calm` is True between head and end of a body that needs no decoding: then all that a read brings is in
`parts`, and whoever feeds need not look further.
"""

from collections.abc import Callable

import httptools

from greenroom.messages.commands import WireEnd, WireHead
from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.transport import evidence
from greenroom.providers.transport.inflate import ENCODINGS, InflateBombError, InflateError, Inflater
from greenroom.providers.transport.limits import TransportLimits

_CLEAN = WireEnd(clean=True)
_BODYLESS = frozenset({204, 304})


class Response:
    """See the module. One owner; `release` breaks the cycle with the parser."""

    __slots__ = (
        "_bodyless", "_coding", "_fields", "_head_bytes", "_inflater", "_interim", "_opening", "_parser",
        "_raw_bytes", "_silent_at", "_silent_bytes", "_sized", "calm", "end", "feed", "head", "keep_alive",
        "keep_alive_hint_s", "limits", "max_body_bytes", "on_body", "out_bytes", "parts", "peer",
    )  # fmt: skip

    def __init__(self, peer: str, method: str, limits: TransportLimits) -> None:
        self.peer = peer
        self.limits = limits
        self._bodyless = method == "HEAD"
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._silent_at = self._silent_bytes = 0
        self._interim = False
        self._sized = False
        self._coding = ""
        self._inflater: Inflater | None = None
        self._opening = b""
        self._raw_bytes = 0
        self.parts: list[bytes] = []
        self.head: WireHead | None = None
        self.end: WireEnd | None = None
        self.calm = False
        self.keep_alive = False
        self.keep_alive_hint_s: float | None = None
        self.out_bytes = 0
        self.max_body_bytes = limits.max_body_bytes
        # The parser asks for these by name: a bound append costs no Python frame per chunk.
        self.on_body: Callable[[bytes], None] = self.parts.append
        self._parser = httptools.HttpResponseParser(self)
        self.feed: Callable[[memoryview], None] = self._parser.feed_data
        """Take what a read brought. May raise httptools.HttpParserError: hand it to `refuse`."""

    @property
    def begun(self) -> bool:
        """At least one byte of an answer has come."""
        return bool(self._raw_bytes)

    def release(self) -> None:
        """Nothing will be fed any more."""
        del self._parser, self.feed, self.on_body

    def note(self, data: memoryview) -> None:
        """Count bytes that are read while not calm, before they are fed."""
        self._raw_bytes += len(data)
        if self.head is None and len(self._opening) < 64:
            self._opening += bytes(data[:64])

    def refuse(self, error: httptools.HttpParserError) -> None:
        """The parser did not accept what was fed last; what it accepted before stands."""
        if self.end is not None:
            self.keep_alive = False
        elif self.head is None:
            self._fail(evidence.not_http(self.peer, self._opening.lstrip(b"\r\n"), _reason(error)))
        else:
            good_bytes = self.out_bytes + sum(map(len, self.parts))
            self._fail(evidence.broken(self.peer, _reason(error), good_bytes))

    def take(self, read_bytes: int) -> bytes:
        """Body bytes of the last read, decoded; checks the bounds. May set `end`."""
        data = b"".join(self.parts)
        if self.parts:
            self.parts.clear()
        elif self.end is None:
            self.silent(read_bytes)
        if self._bodyless or (
            self.end is not None and self.end.evidence and self.end.evidence.phase == "head"
        ):
            return b""
        if self._inflater is not None:
            data = self._inflated(self._inflater, data)
        self.out_bytes += len(data)
        if self.out_bytes > self.max_body_bytes:
            self._fail(evidence.too_big(self.peer, "a body", self.max_body_bytes, "max_body_bytes"))
            return b""
        return data

    def silent(self, read_bytes: int) -> None:
        """A read brought neither body nor end: what frames the body must not go on for ever."""
        if self.head is None:
            if self._raw_bytes > self.limits.max_head_bytes:
                self._too_much_head()
            return
        if self._silent_at != self.out_bytes:
            self._silent_at, self._silent_bytes = self.out_bytes, 0
        self._silent_bytes += read_bytes
        if self._silent_bytes > self.limits.max_head_bytes:
            limit = self.limits.max_head_bytes
            self._fail(evidence.too_big(self.peer, "chunk extensions or trailers", limit, "max_head_bytes"))

    def eof(self, how: str, *, orderly: bool) -> None:
        """The connection is gone; sets `end`. `how` tells it in words: "connection reset by host:port"."""
        if self.end is not None:
            return
        if self.head is None:
            where = "in the middle of the answer's head" if self._raw_bytes else "before any answer"
            self._fail(_lost(f"{how} {where}", "head" if self._raw_bytes else "request"))
        elif orderly and not self._sized:
            self._finish()
        else:
            self._fail(_lost(f"{how} after {self.out_bytes:,} body bytes", "body"))

    # ---- the parser's callbacks

    def on_message_begin(self) -> None:
        if self.end is not None:
            # Stops the parser: a second answer's body must not be taken for the first one's.
            raise httptools.HttpParserError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head is None:
            fields = self._fields
            fields.append((name, value))
            if len(fields) > self.limits.max_headers:
                self._fail(evidence.too_many(self.peer, "headers", self.limits.max_headers))
                raise httptools.HttpParserError("too many headers")

    def on_headers_complete(self) -> None:
        parser = self._parser
        status = parser.get_status_code()
        fields, self._fields = self._fields, []
        self._head_bytes += sum([len(name) + len(value) + 4 for name, value in fields])
        if not self._opening.lstrip(b"\r\n").startswith(b"HTTP/1."):
            raise httptools.HttpParserError("not HTTP/1.1 or HTTP/1.0")
        self._interim = 100 <= status < 200
        if self._interim:
            if status == 101:
                raise httptools.HttpParserError("it changes to a protocol that nobody asked for")
            return
        if self._head_bytes > self.limits.max_head_bytes:
            self._too_much_head()
            return
        headers = tuple([(name.lower().decode("latin-1"), value.decode("latin-1")) for name, value in fields])
        self.head = WireHead(status, headers)
        self._read_fields(headers)
        if status in _BODYLESS and self._sized:
            # They tell the length of another answer, and llhttp would wait for it.
            self._bodyless = True
        if self._bodyless and self.end is None:
            self._finish()
        self.calm = self.end is None and self._inflater is None

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif self.end is None:
            self.keep_alive = self._parser.should_keep_alive()
            self._finish()

    # ---- inside

    def _read_fields(self, headers: tuple[tuple[str, str], ...]) -> None:
        for name, value in headers:
            if name == "content-length":
                self._sized = True
            elif name == "transfer-encoding":
                self._sized = True
                self._check_transfer_coding(value)
            elif name == "content-encoding":
                self._choose_decoder(value.strip().lower())
            elif name == "keep-alive":
                self.keep_alive_hint_s = _hint_s(value)

    def _check_transfer_coding(self, value: str) -> None:
        if value.strip().lower() != "chunked":
            text = f"{self.peer} sent a transfer coding that is not understood: {value[:60]!a}"
            self._fail(ErrorEvidence(kind="protocol", phase="head", message=text))

    def _choose_decoder(self, coding: str) -> None:
        if coding in ENCODINGS and not self._coding:
            self._coding = coding
            self._inflater = Inflater("deflate" if coding == "deflate" else "gzip", self.limits)
        elif coding not in {"", "identity"}:
            text = f"{self.peer} sent a content coding that was not asked for: {coding[:60]!a}"
            self._fail(ErrorEvidence(kind="protocol", phase="head", message=text))

    def _inflated(self, inflater: Inflater, data: bytes) -> bytes:
        try:
            data = inflater.feed(data)
        except InflateError as error:
            self._fail_inflating(error)
            return error.before
        if self.end is _CLEAN:
            try:
                inflater.finish()
            except InflateError as error:
                self._fail_inflating(error)
        return data

    def _fail_inflating(self, error: InflateError) -> None:
        if isinstance(error, InflateBombError):
            self._fail(evidence.bomb(self.peer, str(error)))
        else:
            self._fail(evidence.broken(self.peer, str(error), self.out_bytes))

    def _too_much_head(self) -> None:
        limit = self.limits.max_head_bytes
        self._fail(evidence.too_big(self.peer, "an answer's head", limit, "max_head_bytes", "head"))

    def _finish(self) -> None:
        self.calm = False
        self.end = _CLEAN

    def _fail(self, why: ErrorEvidence) -> None:
        self.calm = self.keep_alive = False
        self.end = WireEnd(clean=False, evidence=why)


def _lost(text: str, phase: str) -> ErrorEvidence:
    return ErrorEvidence.model_validate({"kind": "transport", "phase": phase, "message": text})


def _reason(error: BaseException) -> str:
    cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
    return str(cause or error)


def _hint_s(value: str) -> float | None:
    for field in value.split(","):
        name, _, number = field.partition("=")
        if name.strip().lower() == "timeout" and number.strip().isdecimal():
            return float(number)
    return None
