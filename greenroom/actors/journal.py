"""What the channel accepted, from the first delta on: append-only, compacted as it grows, owned by the gate.

Every COMPACT_EVERY deltas the newest ones are merged (adjacent text of a block becomes one delta), so a long
answer costs little more memory than its text, and each delta is merged once. The aggregator is told the same
merged deltas, so that both share one copy.
"""

from collections.abc import Iterator

from greenroom.actors.merging import merged
from greenroom.messages.deltas import Delta

COMPACT_EVERY = 256


class Journal:
    """Dispatcher thread only."""

    __slots__ = ("_compact", "_recent")

    def __init__(self) -> None:
        self._compact: list[Delta] = []
        self._recent: list[Delta] = []

    def extend(self, deltas: list[Delta]) -> tuple[Delta, ...]:
        """Append. Returns what was compacted by it, mostly nothing: the aggregator is to be told."""
        self._recent.extend(deltas)
        return self.compact() if len(self._recent) >= COMPACT_EVERY else ()

    def compact(self) -> tuple[Delta, ...]:
        """Merge what is recent now; returns it."""
        compacted = tuple(merged(self._recent))
        self._compact.extend(compacted)
        self._recent.clear()
        return compacted

    def recent(self) -> tuple[Delta, ...]:
        """What no compaction has returned yet."""
        return tuple(self._recent)

    def __iter__(self) -> Iterator[Delta]:
        """All of it, in order; merged deltas stand for what they were merged from."""
        yield from self._compact
        yield from self._recent

    def __len__(self) -> int:
        return len(self._compact) + len(self._recent)
