"""Which event says what a supervisor's core wants told."""

from greenroom.messages import supervisor_events
from greenroom.messages.supervisor_events import SupervisorEvent

_EVENTS: dict[str, type[SupervisorEvent]] = {
    kind.name.removeprefix("supervisor."): kind
    for kind in vars(supervisor_events).values()
    if isinstance(kind, type) and issubclass(kind, SupervisorEvent) and kind is not SupervisorEvent
}


def event_of(what: str) -> type[SupervisorEvent]:
    """The event named `supervisor.<what>`."""
    return _EVENTS[what]
