"""The retry budget of one endpoint, pure: retries may be a share of its traffic, and a few beside it.

Without it every failed request is sent several times just when the provider can take least (a retry storm).
Counted, not owed: what may be retried is judged by the requests and retries of the last `WINDOW_S` seconds.
Source: Finagle's RetryBudget, https://twitter.github.io/finagle/guide/Clients.html#retry-budgets
"""

from greenroom.actors.breaker_window import TimeWindow
from greenroom.messages.views import RetryBudgetView

WINDOW_S = 10.0


class RetryBudget:
    """See the module. Asked and spent in one turn of the dispatcher, so that nobody spends in between."""

    __slots__ = ("_calls", "_floor", "_share", "_told_s", "refused_total", "spent_total")

    def __init__(self, share: float, min_per_s: float) -> None:
        self._share, self._floor = share, min_per_s * WINDOW_S
        self._calls = TimeWindow(WINDOW_S)
        """Requests, and among its calls as `failed` the retries."""
        self._told_s: float | None = None
        self.spent_total = self.refused_total = 0

    def request(self, now_s: float) -> None:
        """A request begins: its first attempt."""
        self._calls.add(now_s, failed=False, slow=False)

    def view(self, now_s: float) -> RetryBudgetView:
        """What is left. Bounds nothing by itself: who decides looks at it."""
        requests, retries = self.traffic(now_s)
        return RetryBudgetView(max(self._floor + self._share * requests - retries, 0.0))

    def traffic(self, now_s: float) -> tuple[int, int]:
        """Requests and retries of the last seconds."""
        calls, retries, _ = self._calls.sums(now_s)
        return calls - retries, retries

    def spend(self, now_s: float) -> None:
        """A retry was decided on."""
        self._calls.add(now_s, failed=True, slow=False)
        self.spent_total += 1

    def refuse(self, now_s: float) -> bool:
        """A retry was not made, as nothing was left. True where the world is to be told: once in a window."""
        self.refused_total += 1
        if self._told_s is not None and now_s - self._told_s < WINDOW_S:
            return False
        self._told_s = now_s
        return True
