"""Bytes in, whole HTTP requests out: httptools as a feed/next reader, every part of a request bounded.

Law: however the bytes are split over `feed` calls, the requests that come out are the same.
"""

from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from greenroom.providers.simulator.reply import HttpRequest, SeenHeaders

_FRAMING_SLACK = 8
"""Chunked framing may cost a few bytes for each byte of a body; more than this is an attack, not a body."""


@dataclass(frozen=True, slots=True)
class BadRequest:
    """What came is not a request that this server takes. Nothing after it is read."""

    status: int
    message: str


class RequestReader:
    """Reads the requests of one connection. After a BadRequest, and after `close`, it takes no more bytes."""

    def __init__(self, max_head_bytes: int, max_body_bytes: int) -> None:
        self._max_head = max_head_bytes
        self._max_body = max_body_bytes
        self._parser: HttpRequestParser | None = HttpRequestParser(self)
        self._out: list[HttpRequest | BadRequest] = []
        self._bad: BadRequest | None = None
        self._raw = 0
        self._again = b""
        self._passed_over: list[tuple[str, str]] = []
        self._reset()

    @property
    def expects_continue(self) -> bool:
        """True while the client holds its body back until it is told `100 Continue`."""
        return self._in_body and not self._body_size and self._wants_continue

    def feed(self, data: bytes) -> list[HttpRequest | BadRequest]:
        """The requests that these bytes complete, in order; a BadRequest is the last."""
        self._out = []
        while data and self._parser is not None and self._bad is None:
            self._raw += len(data)
            data = self._parse(data)
        if self._bad is None:
            self._check_raw()
        if self._bad is not None and self._parser is not None:
            self._out.append(self._bad)
            self.close()
        return self._out

    def close(self) -> None:
        """Let the parser go, which holds this reader."""
        self._parser = None

    def _parse(self, data: bytes) -> bytes:
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            # Invariant: a head that was read again names no upgrade, so this happens once a request.
            again, self._again = self._again, b""
            self._parser = HttpRequestParser(self)
            return again + data[upgrade.args[0] :]
        except HttpParserError as error:
            self._refuse(400, f"bad request: {error}")
        return b""

    def _refuse(self, status: int, message: str) -> None:
        self._bad = self._bad or BadRequest(status, message)

    def _check_raw(self) -> None:
        limit = self._max_head + (self._max_body * _FRAMING_SLACK if self._in_body else 0)
        if self._raw > limit + self._max_head:
            self._refuse(413 if self._in_body else 431, "request too large")

    def _reset(self) -> None:
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._head_size = self._body_size = 0
        self._body: list[bytes] = []
        self._in_body = self._wants_continue = self._has_host = False

    # The callbacks of httptools. One that raises would end as a parser error, so none does.

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head_grows(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_grows(len(name) + len(value) + 4)
        if self._in_body or self._bad is not None:  # trailers are counted and dropped
            return
        key = name.decode("latin-1")
        self._headers.append((key, value.decode("latin-1")))
        lowered = key.lower()
        if lowered == "content-length" and value.isdigit() and int(value[:20]) > self._max_body:
            self._refuse(413, f"body of {value.decode()[:20]} bytes; at most {self._max_body} are taken")
        self._has_host = self._has_host or lowered == "host"
        self._wants_continue = self._wants_continue or (
            lowered == "expect" and value.lower() == b"100-continue"
        )

    def on_headers_complete(self) -> None:
        self._in_body = True
        if not self._has_host and not self._is_http_1_0():
            self._refuse(400, "bad request: no Host header")

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size > self._max_body:
            self._refuse(413, f"body of more than {self._max_body} bytes")
        if self._bad is None:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._bad is None and self._parser is not None:
            if self._parser.should_upgrade() and self._parser.get_method() != b"CONNECT":
                self._pass_over_upgrade(self._parser)
            else:
                self._out.append(self._request(self._parser))
                self._passed_over = []
        self._raw = 0
        self._reset()

    def _pass_over_upgrade(self, parser: HttpRequestParser) -> None:
        """Have the head read again without its Upgrade (RFC 9110 7.8): httptools skips such a body."""
        kept = [(name, value) for name, value in self._headers if name.lower() != "upgrade"]
        self._passed_over = [(name, value) for name, value in self._headers if name.lower() == "upgrade"]
        lines = "".join(f"{name}: {value}\r\n" for name, value in kept).encode("latin-1")
        version = parser.get_http_version().encode()
        self._again = b"%b %b HTTP/%b\r\n%b\r\n" % (parser.get_method(), self._url, version, lines)

    def _head_grows(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._max_head:
            self._refuse(431, f"request head of more than {self._max_head} bytes")

    def _is_http_1_0(self) -> bool:
        return self._parser is not None and self._parser.get_http_version() == "1.0"

    def _request(self, parser: HttpRequestParser) -> HttpRequest:
        path, _, query = self._url.decode("latin-1").partition("?")
        return HttpRequest(
            method=parser.get_method().decode("latin-1"),
            path=path,
            query=query,
            headers=SeenHeaders([*self._headers, *self._passed_over]),
            body=b"".join(self._body),
            keep_alive=parser.should_keep_alive(),
            http_1_0=self._is_http_1_0(),
        )
