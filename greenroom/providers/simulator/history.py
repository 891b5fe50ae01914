"""What the simulator saw: the newest records, and counts that never forget."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from greenroom.providers.simulator.records import Ended, Entry, RequestRecord

_RECHECK_S = 0.01


@dataclass(frozen=True, slots=True)
class SimulatorStatistics:
    """Counts since the start."""

    requests: int = 0
    answering: int = 0
    completed: int = 0
    client_disconnected: int = 0
    cut: int = 0
    reset: int = 0
    crashed: int = 0
    server_stopped: int = 0
    server_error: int = 0
    bad_requests: int = 0
    """Bytes that were no request: malformed or over a limit. They have no record."""
    connections: int = 0
    connections_max: int = 0
    """The most that were open at once."""
    connections_refused: int = 0
    """Taken and closed at once, while the server was away."""
    connections_reused: int = 0
    """Requests that came on a connection that had carried one before."""
    chaos: int = 0
    """Requests that chaos struck."""
    deltas_sent: int = 0
    bytes_sent: int = 0


class History:
    """The newest entries, bounded by number and by the bytes of their bodies; and the counts. Any thread."""

    def __init__(self, max_records: int, max_body_bytes: int) -> None:
        self._max_records = max_records
        self._max_body_bytes = max_body_bytes
        self._entries: deque[Entry] = deque()
        self._body_bytes = 0
        self._changed = threading.Condition()
        self._version = 0
        self._counts: dict[str, int] = {}
        self.open_connections = 0

    def began(self, entry: Entry) -> None:
        """Number the entry and keep it; the oldest make room, the newest always stays."""
        with self._changed:
            entry.number = self._add("requests")
            self._add("connections_reused", int(entry.reused))
            self._entries.append(entry)
            self._body_bytes += len(entry.request.body)
            while len(self._entries) > 1 and self._is_full():
                self._body_bytes -= len(self._entries.popleft().request.body)
            self._tell()

    def ended(self, entry: Entry, how: Ended, now_s: float) -> None:
        """Close the entry. Does nothing the second time."""
        if entry.ended is not None:
            return
        with self._changed:
            entry.ended_s = now_s
            entry.ended = how
            self._add(how)
            self._add("chaos", int(entry.chaos is not None))
            self._add("deltas_sent", entry.deltas_sent)
            self._add("bytes_sent", entry.bytes_sent)
            self._tell()

    def bad_request(self) -> None:
        """Count bytes that were no request."""
        with self._changed:
            self._add("bad_requests")
            self._tell()

    def refused(self) -> None:
        """Count a connection that was closed at once."""
        with self._changed:
            self._add("connections_refused")
            self._tell()

    def connected(self) -> int:
        """Count a connection in. Returns its number."""
        with self._changed:
            self.open_connections += 1
            self._counts["connections_max"] = max(
                self.open_connections, self._counts.get("connections_max", 0)
            )
            self._tell()
            return self._add("connections")

    def disconnected(self) -> None:
        """Count a connection out."""
        with self._changed:
            self.open_connections -= 1
            self._tell()

    def snapshot(self) -> tuple[RequestRecord, ...]:
        """The kept records, oldest first."""
        with self._changed:
            return tuple(entry.snapshot() for entry in self._entries)

    def attempts(self, request_id: str) -> tuple[RequestRecord, ...]:
        """The kept records whose client gave this id, oldest first."""
        return tuple(record for record in self.snapshot() if record.client_request_id == request_id)

    def statistics(self) -> SimulatorStatistics:
        """The counts."""
        with self._changed:
            counts: dict[str, Any] = dict(self._counts)
            live = [entry for entry in self._entries if entry.ended is None]
        counts["deltas_sent"] = counts.get("deltas_sent", 0) + sum(entry.deltas_sent for entry in live)
        counts["bytes_sent"] = counts.get("bytes_sent", 0) + sum(entry.bytes_sent for entry in live)
        over = sum(counts.get(how, 0) for how in get_args(Ended))
        return SimulatorStatistics(answering=counts.get("requests", 0) - over, **counts)

    def wait_for(self, holds: Callable[[], bool], timeout_s: float, now_s: Callable[[], float]) -> bool:
        """True as soon as it holds, False when time is over. Deltas alone wake nobody: seen within 10 ms."""
        deadline_s = now_s() + timeout_s
        while True:
            with self._changed:
                seen = self._version
            if holds():  # without the lock: it may well ask this server something
                return True
            left_s = deadline_s - now_s()
            if left_s <= 0:
                return False
            with self._changed:
                if self._version == seen:
                    self._changed.wait(min(left_s, _RECHECK_S))

    def _tell(self) -> None:
        self._version += 1
        self._changed.notify_all()

    def _is_full(self) -> bool:
        return len(self._entries) > self._max_records or self._body_bytes > self._max_body_bytes

    def _add(self, name: str, by: int = 1) -> int:
        self._counts[name] = self._counts.get(name, 0) + by
        return self._counts[name]
