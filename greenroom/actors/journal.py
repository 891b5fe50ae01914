"""What the channel accepted, from the first delta on: append-only, merged as it grows, owned by the gate.

Adjacent text of a block is one growing item from its second delta on: the journal keeps the text, not the
deltas, so a long answer costs little more memory than its text, and what the consumer has read is freed.
Every COMPACT_EVERY deltas the growing item is closed and the aggregator is told what came since the last
time, so that both share one copy. Where deltas were joined is kept, so that a consumer that comes back can
have what follows any of them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter, itemgetter

from greenroom.actors.cutting import Lengths, cut, packed
from greenroom.actors.merging import Merge, append, begin_of, whole
from greenroom.messages.deltas import Delta
from greenroom.messages.stored import Piece

COMPACT_EVERY = 256
_seq = attrgetter("delta.seq")
_delta = itemgetter(0)


class Journal:
    """Dispatcher thread only."""

    __slots__ = ("_compact", "_count", "_recent")

    def __init__(self) -> None:
        self._compact: list[Piece] = []
        self._recent: list[Delta | Merge] = []
        self._count = 0
        """Deltas in `_recent`, however they are merged."""

    def extend(self, deltas: list[Delta]) -> tuple[Delta, ...]:
        """Append. Returns what was compacted by it, mostly nothing: the aggregator is to be told."""
        recent = self._recent
        for delta in deltas:
            append(recent, delta)
        self._count += len(deltas)
        return self.compact() if self._count >= COMPACT_EVERY else ()

    def compact(self) -> tuple[Delta, ...]:
        """Close what grows; returns what no compaction has returned before."""
        compacted = self.recent()
        self._compact.extend(map(Piece, compacted, map(_lengths_of, self._recent)))
        self._recent.clear()
        self._count = 0
        return compacted

    def recent(self) -> tuple[Delta, ...]:
        """What no compaction has returned yet."""
        return tuple(map(whole, self._recent))

    def between(self, after_seq: int, last_seq: int | None = None) -> list[Delta]:
        """What follows `after_seq`, up to `last_seq` or to the end; one that was merged across is cut there."""
        first, last = after_seq + 1, float("inf") if last_seq is None else last_seq
        found: list[Delta] = []
        for delta, lengths in self._since(after_seq):
            begin = begin_of(delta)
            if begin > last:
                break
            whole_or_cut = delta
            if lengths is not None:
                whole_or_cut = cut(delta, lengths, max(begin, first), int(min(delta.seq, last)))
            found.append(whole_or_cut)
        return found

    def pieces(self, after_seq: int) -> tuple[Piece, ...]:
        """What follows `after_seq`, to the end, with the places where it can be cut: for a store."""
        found: list[Piece] = []
        for delta, lengths in self._since(after_seq):
            begin = begin_of(delta)
            if lengths is None or begin > after_seq:
                found.append(Piece(delta, lengths))
                continue
            rest = lengths[after_seq - begin + 1 :]
            found.append(
                Piece(cut(delta, lengths, after_seq + 1, delta.seq), rest if len(rest) > 1 else None)
            )
        return tuple(found)

    def restore(self, pieces: Iterable[Piece]) -> None:
        """These were delivered before, in an earlier life of the request; the journal is empty until now."""
        self._compact.extend(pieces)

    def _since(self, after_seq: int) -> Iterator[tuple[Delta, Sequence[int] | None]]:
        """Those that end behind `after_seq`."""
        for place in range(bisect_right(self._compact, after_seq, key=_seq), len(self._compact)):
            yield self._compact[place]
        for item in self._recent:
            delta = whole(item)
            if delta.seq > after_seq:
                yield delta, _lengths_of(item)

    def __iter__(self) -> Iterator[Delta]:
        """All of it, in order; merged deltas stand for what they were merged from."""
        return chain(map(_delta, self._compact), self.recent())

    def __len__(self) -> int:
        return len(self._compact) + len(self._recent)


def _lengths_of(item: Delta | Merge) -> Lengths | None:
    return packed(item.lengths) if isinstance(item, Merge) else None
