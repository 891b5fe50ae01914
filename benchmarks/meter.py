"""What a case counts: texts of every stream, and CPU between the marks.

The steady window begins when every stream has had its first delta and ends when the first stream ends. Per
delta a peer does one `list.append`, so that measuring costs every peer the same and little.
"""

import time
from collections.abc import Callable
from typing import Any

MODEL = "gpt-4o"
"""Asked for by every request: a service asks for a few models, not for another one each time."""


class Reader:
    """One stream's consumer. A peer calls `append` per delta, then `ended`."""

    __slots__ = ("_meter", "_take", "append", "model", "name", "texts", "url")

    def __init__(
        self, meter: "Meter", name: str, model: str, url: str, take: Callable[[str], object] | None = None
    ) -> None:
        self.name, self.model, self.url = name, model, url
        self.texts: list[str] = []
        self._meter = meter
        self._take = take or self.texts.append
        self.append: Callable[[str], object] = self._first
        """Takes a delta's text. It is another function after the first: look it up for each."""

    def _first(self, text: str) -> None:
        self.append = self._take
        self.append(text)
        self._meter.started()

    def ended(self) -> None:
        """The stream's end as its protocol knows it."""
        self._meter.ended()


class Meter:
    """The streams of one case and the marks of its clock."""

    def __init__(
        self, streams: int, on_all_started: Callable[[], object] | None = None,
        append: Callable[[str], object] | None = None, *, named: bool = False,
    ) -> None:  # fmt: skip
        """`named`: each stream asks for a model of its name, so that the load server can say which it means."""
        self.streams, self._named = streams, named
        self._append = append
        self.readers: list[Reader] = []
        self.all_started = False
        self._started = self._ended = 0
        self._on_all_started = on_all_started
        self._begin: tuple[float, float, list[int]] | None = None
        self._end: tuple[float, float, list[int]] | None = None
        self._cpu_s = time.process_time()
        self._wall_s = time.monotonic()

    def reader(self, url: str) -> Reader:
        """The next stream's."""
        name = f"bench-{len(self.readers)}"
        reader = Reader(self, name, name if self._named else MODEL, url, self._append)
        self.readers.append(reader)
        return reader

    def started(self) -> None:
        """One more stream has had its first delta."""
        self._started += 1
        if self._started == self.streams:
            self.all_started = True
            lengths = self._lengths()
            self._begin = (time.process_time(), time.monotonic(), lengths)
            if self._on_all_started is not None:
                self._on_all_started()

    def ended(self) -> None:
        """One more stream has ended."""
        self._ended += 1
        if self._ended == 1:
            self._end = (time.process_time(), time.monotonic(), self._lengths())

    def _lengths(self) -> list[int]:
        return [len(reader.texts) for reader in self.readers]

    def finish(self, expected: list[str]) -> dict[str, Any]:
        """Everything is over: the figures, and what was wrong with the texts (None: nothing)."""
        total_cpu_s = time.process_time() - self._cpu_s
        total_wall_s = time.monotonic() - self._wall_s
        figures: dict[str, Any] = {
            "wrong": self._wrong(expected),
            "deltas": sum(_events_in(reader.texts) for reader in self.readers),
            "items": sum(len(reader.texts) for reader in self.readers),
            "cpu_s": total_cpu_s,
            "wall_s": total_wall_s,
        }
        if self._begin is not None and self._end is not None and self._begin[1] < self._end[1]:
            (cpu_s, wall_s, had), (end_cpu_s, end_wall_s, has) = self._begin, self._end
            figures["steady_cpu_s"] = end_cpu_s - cpu_s
            figures["steady_wall_s"] = end_wall_s - wall_s
            figures["steady_deltas"] = sum(
                _events_in(reader.texts[low:high])
                for reader, low, high in zip(self.readers, had, has, strict=True)
            )
        return figures

    def _wrong(self, expected: list[str]) -> str | None:
        if self._ended != self.streams:
            return f"{self._ended} of {self.streams} streams ended"
        whole = "".join(expected)
        for reader in self.readers:
            if "".join(reader.texts) != whole:
                return f"{reader.name}: {_events_in(reader.texts)} of {len(expected)} deltas, or another text"
        return None


def _events_in(texts: list[str]) -> int:
    """Deltas of the wire: each word begins with its one space, also where a client merged several."""
    return "".join(texts).count(" ")
