"""The numbers of the events: a gap is loss, a repeat after a resume is dropped, a step back is disorder.

A gap is none where what follows tells whole what could have been lost (Events); in a resumed stream it always is.

Events without a number (some servers number none, or not the first ones) may each have taken one. A server
whose second number equals its first does not count at all: its numbers are not looked at.
"""

from typing import Any, Literal

_MAX = 10**15
_GAPS_MAX = 64


class Numbering:
    """One owner. `last` is the newest number, None where the server gave none."""

    __slots__ = ("_counts", "_ignored", "_resumed", "_unnumbered", "gaps", "is_sure", "last")

    def __init__(self, last: int | None = None) -> None:
        """`last`: the cursor of a stream that goes on from there."""
        self.last = last
        self._resumed = last is not None
        self._counts = self._resumed
        self._ignored = False
        self._unnumbered = 0
        self.gaps = 0
        """So many were passed over."""
        self.is_sure = self._counts
        """The next number can only be `last + 1`, and is taken by setting `last`: the hot path."""

    def take(self, number: Any, opens: bool = False) -> Literal["new", "old", "lost"]:
        """What an event of this number is. `opens`: it is the first of its stream, whatever its number."""
        if type(number) is not int or not 0 <= number < _MAX or self._ignored:
            self._unnumbered += 1
            self.is_sure = False
            return "new"
        last, most = self.last, self._unnumbered + 1
        if last is None:
            if number > most and not opens:
                return "lost"
        elif number <= last:
            if self._resumed:
                return "old"
            if self._counts or number != last:
                return "lost"
            self._ignored, self.last = True, None
            return "new"
        elif number > last + most:
            return "lost"
        else:
            self._counts = True
        self.last, self._unnumbered, self.is_sure = number, 0, self._counts
        return "new"

    def may_skip_to(self, number: int) -> bool:
        """The number that was taken for lost is ahead, and gaps in this stream may be passed over."""
        return not self._resumed and self.last is not None and number > self.last and self.gaps < _GAPS_MAX

    def skip_to(self, number: int) -> None:
        """Passes over the gap before this number."""
        self.last, self._unnumbered, self._counts = number, 0, True
        self.is_sure = True
        self.gaps += 1
