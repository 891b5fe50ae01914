"""Where events leave the process: structlog, once the host has configured it; else warnings go to `logging`.

Nothing here waits or raises on the caller's side: `emit` hands over to a thread (`handoff.py`), which builds
the fields, hides what looks like a key, and writes. Prompts and completions are in no event.
"""

import atexit
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from greenroom.messages.events import Event, EventsDropped
from greenroom.supervision.handoff import Handoff
from greenroom.supervision.scrub import scrubbed

EVENTS_BOUND = 4096
"""Events that wait for a slow output; past it the oldest are dropped, and telemetry.dropped says so."""

_log = logging.getLogger("greenroom")

_WARNINGS: Mapping[str, int] = {
    "actor.failed": logging.ERROR,
    "actor.handler.slow": logging.WARNING,
    "actor.zombie": logging.ERROR,
    "breaker.opened": logging.WARNING,
    "breaker.retries_spent": logging.WARNING,
    "models.stale_served": logging.WARNING,
    "provider.key_rests": logging.WARNING,
    "provider.model_mismatch": logging.WARNING,
    "stream.failed": logging.WARNING,
    "supervisor.intensity_exceeded": logging.ERROR,
    "telemetry.dropped": logging.WARNING,
}
"""What a host that configured nothing still hears of; the library is silent otherwise."""

_UNTOLD = frozenset({"v", "at_s"})
"""Fields that a line of `logging` has already, or needs not."""

_DETAILS = frozenset({
    "actor.started", "actor.stopped", "breaker.forgotten", "limiter.granted", "limiter.settled", "limiter.wait",
    "provider.connected", "provider.disconnected", "runtime.snapshot", "stream.first_delta", "stream.opened",
    "stream.paused", "stream.progress", "stream.resumed",
})  # fmt: skip
"""Level debug; all that is in neither table is info."""


class StructlogSink:
    """The EventSink of an ActorSystem that was given none. Owns one daemon thread, until `close`."""

    def __init__(self, bound: int = EVENTS_BOUND) -> None:
        self._closed = False
        self._failures = 0
        self._handoff: Handoff[Event] = Handoff(self._write, bound, "greenroom-telemetry")
        atexit.register(self.close)

    def wants(self, name: str) -> bool:
        """True where the event would be written: all of them to structlog, warnings to `logging`."""
        if self._closed:
            return False
        # Asked several times a request: in a host without structlog this is one look-up.
        if "structlog" in sys.modules and _structlog() is not None:
            return True
        return name in _WARNINGS and _log.isEnabledFor(_WARNINGS[name])

    def emit(self, event: Event) -> None:
        """The event will be written, unless the output stays too slow. Any thread; no wait, no exception."""
        if not self._closed:
            self._handoff.put(event)

    def flush(self, timeout_s: float = 2.0) -> bool:
        """True once every event emitted before has been written."""
        return self._handoff.flush(timeout_s)

    def close(self, timeout_s: float = 2.0) -> bool:
        """As flush, and nothing is written afterwards. Idempotent."""
        if self._closed:
            return True
        self._closed = True
        atexit.unregister(self.close)
        return self._handoff.close(timeout_s)

    def _write(self, event: Event, dropped: int) -> None:
        """In the sink's thread. The outputs are the host's: whatever they raise stays here."""
        try:
            if dropped:
                _deliver(EventsDropped(at_s=event.at_s, dropped=dropped))
            _deliver(event)
        except BaseException as error:  # noqa: BLE001  (a thread that ends would silence all that follows)
            self._failures += 1
            if self._failures.bit_count() == 1:  # at 1, 2, 4, 8 ...: heard, and no flood
                with suppress(Exception):
                    _log.warning("events could not be written (%d so far): %r", self._failures, error)


def _structlog() -> Any | None:
    """structlog, where the host has configured it. Importing it costs 60 ms, so that is left to the host."""
    structlog = sys.modules.get("structlog")
    return structlog if structlog is not None and structlog.is_configured() else None


def _deliver(event: Event) -> None:
    fields = _fields(event)
    if structlog := _structlog():
        getattr(structlog.get_logger("greenroom"), _level_name(event.name))(event.name, **fields)
    elif (level := _WARNINGS.get(event.name)) is not None:
        facts = (f"{name}={_value(value)}" for name, value in fields.items() if name not in _UNTOLD)
        _log.log(level, "%s %s", event.name, " ".join(facts))


def _fields(event: Event) -> dict[str, Any]:
    fields = event.model_dump(mode="json", exclude_none=True)
    return {name: scrubbed(value) if isinstance(value, str) else value for name, value in fields.items()}


def _value(value: Any) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text and text else repr(text)


def _level_name(name: str) -> str:
    if name in _WARNINGS:
        return logging.getLevelName(_WARNINGS[name]).lower()
    return "debug" if name in _DETAILS else "info"
