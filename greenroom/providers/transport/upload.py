"""A request body on its way: handed over in pieces, as fast as the peer takes them."""

import asyncio


class Upload:
    """Owned by one exchange. Stops for good when the transport closes, or when told to."""

    __slots__ = ("_at", "_body", "_piece_bytes", "_stopped", "_transport", "paused")

    def __init__(self, transport: asyncio.WriteTransport, body: bytes, piece_bytes: int) -> None:
        self._transport = transport
        self._body = memoryview(body)
        self._piece_bytes = piece_bytes
        self._at = 0
        self._stopped = False
        self.paused = False
        """The transport's buffer is full; set and cleared by the protocol's flow control."""

    @property
    def done(self) -> bool:
        """All of the body was handed over."""
        return self._at >= len(self._body)

    def pump(self) -> None:
        """Hand over what the transport takes now."""
        while not (self._stopped or self.paused or self.done or self._transport.is_closing()):
            piece = self._body[self._at : self._at + self._piece_bytes]
            self._at += len(piece)
            self._transport.write(piece)

    def stop(self) -> None:
        """Hand over nothing more; `done` stays false."""
        self._stopped = True
