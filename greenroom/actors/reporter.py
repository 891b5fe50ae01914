"""How the kernel tells the world: events are built only where a sink wants them."""

import logging
from typing import Any

from greenroom.actors.ids import current_ids
from greenroom.messages.contracts import Clock, EventSink
from greenroom.messages.events import Event

_log = logging.getLogger("greenroom.actors")


class Reporter:
    """Any thread; never raises. Stands before the sink as an EventSink too: what that raises ends nobody."""

    __slots__ = ("clock", "events")

    def __init__(self, events: EventSink | None, clock: Clock) -> None:
        self.events = events
        self.clock = clock

    def wants(self, name: str) -> bool:
        """As the sink says; False where it cannot."""
        try:
            return self.events is not None and self.events.wants(name)
        except Exception:  # noqa: BLE001  (as below)
            _log.exception("The event sink failed to say whether it wants %s", name)
            return False

    def emit(self, event: Event) -> None:
        """The event is handed to the sink."""
        if self.events is None:
            return
        try:
            self.events.emit(event)
        except Exception:  # noqa: BLE001  (a broken sink must not end an actor)
            _log.exception("The event sink failed at %s", event.name)

    def report(self, event: type[Event], **fields: Any) -> None:
        """The event is emitted, with the time and the ids of the message being handled."""
        if self.events is not None and self.wants(event.name):
            ids = current_ids.get()
            if ids is not None:
                fields.update(request_id=ids.request_id, stream_id=ids.stream_id)
            self.emit(event(at_s=self.clock.wall_s(), **fields))
