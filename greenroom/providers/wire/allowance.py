"""How much of one answer its decoder may keep until the end: what a hostile server cannot exceed."""

CALLS_MAX = 1024
"""Tool calls of one answer. Without arguments a call weighs little on the wire and is several objects here."""


class TooMuchError(Exception):
    """The answer needs more than its allowance."""


class Allowance:
    """Counted in characters and a little for each thing, not in exact bytes."""

    __slots__ = ("calls_left", "left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit
        self.calls_left = CALLS_MAX

    @property
    def is_spent(self) -> bool:
        return self.left < 0 or self.calls_left < 0

    def spend(self, size: int) -> None:
        """Raises TooMuchError where nothing is left."""
        self.left -= size
        if self.left < 0:
            raise TooMuchError
