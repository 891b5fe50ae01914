"""Restart intensity, pure: at most so many restarts in any period (OTP's supervisor principle).

Source: https://www.erlang.org/doc/system/sup_princ.html#maximum-restart-intensity
"""

from collections import deque

_PAST_S = 0.001
"""A restart leaves the window when more than the period has passed; this is more."""


class Window:
    """The restarts of the last `period_s`, of which `most` are allowed."""

    __slots__ = ("_restarts", "most", "period_s")

    def __init__(self, most: int, period_s: float) -> None:
        self.most, self.period_s = most, period_s
        self._restarts: deque[float] = deque()

    def add(self, now_s: float) -> bool:
        """The restart is counted. False: it would be one too many, and is not."""
        if self.count(now_s) >= self.most:
            return False
        self._restarts.append(now_s)
        return True

    @property
    def size(self) -> int:
        """How many were in the window when it was last looked at."""
        return len(self._restarts)

    def count(self, now_s: float) -> int:
        """How many are in the window now."""
        restarts = self._restarts
        while restarts and now_s - restarts[0] > self.period_s:
            restarts.popleft()
        return len(restarts)

    def room_in_s(self, now_s: float) -> float:
        """How long until one more is allowed; 0 if it is now. `most` is at least 1."""
        if self.count(now_s) < self.most:
            return 0.0
        return self._restarts[0] + self.period_s - now_s + _PAST_S
