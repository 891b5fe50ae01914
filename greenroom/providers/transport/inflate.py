"""Compressed bodies, inflated as they come and never further than a bound. Sans-I/O."""

import zlib

from greenroom.providers.transport.limits import TransportLimits

ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_MEMBERS_MAX = 64
"""Of gzip, in what one read brought: each costs 0.1 ms to set up, and an empty one is 20 bytes."""


class InflateError(Exception):
    """The body cannot be inflated. `before` is what the same bytes had given until then."""

    before = b""


class InflateBombError(InflateError):
    """It would have cost more than its bytes are worth."""


class Inflater:
    """gzip (with several members) or deflate (with or without zlib's wrapper)."""

    __slots__ = ("_encoding", "_held", "_in_bytes", "_limits", "_machine", "_members", "_out_bytes")

    def __init__(self, encoding: str, limits: TransportLimits) -> None:
        self._encoding = encoding
        self._limits = limits
        self._machine: zlib._Decompress | None = None
        self._held = b""
        self._in_bytes = self._out_bytes = self._members = 0

    def feed(self, data: bytes) -> bytes:
        """What `data` inflates to. Raises InflateError."""
        self._in_bytes += len(data)
        self._members = 0
        allowed = self._limits.inflate_allowance_bytes + self._limits.max_inflate_ratio * self._in_bytes
        parts: list[bytes] = []
        try:
            while data:
                if self._machine is None:
                    self._held, data = self._held + data, b""
                    if len(self._held) < 2:
                        break
                    self._machine, data, self._held = self._start(), self._held, b""
                part, data = self._inflate(self._machine, data, allowed)
                parts.append(part)
        except InflateError as error:
            error.before = b"".join(parts)
            raise
        return b"".join(parts)

    def finish(self) -> None:
        """The body has ended. Raises InflateError where the compressed data had not."""
        if self._held or self._machine is not None:
            raise InflateError(f"the {self._encoding} body ends before its own end")

    def _start(self) -> "zlib._Decompress":
        self._members += 1
        if self._members > _MEMBERS_MAX:
            raise InflateBombError(f"a {self._encoding} body made of more and more members")
        if self._encoding != "deflate":
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        # Some servers send raw deflate under this name: it has no zlib header (RFC 1950, 2.2).
        first, second = self._held[0], self._held[1]
        wrapped = first & 0x0F == 8 and (first << 8 | second) % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)

    def _inflate(self, machine: "zlib._Decompress", data: bytes, allowed: int) -> tuple[bytes, bytes]:
        try:
            # One byte more than allowed tells a body that stops at the bound from one that goes on.
            part = machine.decompress(data, allowed - self._out_bytes + 1)
        except zlib.error as error:
            raise InflateError(f"a {self._encoding} body that is none: {error}") from None
        self._out_bytes += len(part)
        if self._out_bytes > allowed:
            raise InflateBombError(
                f"a compressed body that grows without measure: {self._in_bytes:,} bytes to more than {allowed:,}"
            )
        if machine.eof:
            self._machine = None
        return part, machine.unused_data
