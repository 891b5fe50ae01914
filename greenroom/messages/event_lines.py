"""Events as lines of JSON, and back."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from greenroom.messages import breaker_events, events, recovery_events, store_events, supervisor_events
from greenroom.messages.events import Event

_HOMES = (breaker_events, events, recovery_events, store_events, supervisor_events)
_MODULES = frozenset(module.__name__ for module in _HOMES)


def event_json(event: Event) -> str:
    """One line of JSON, the name under `event`, that `event_from_json` reads back to an equal event."""
    return json.dumps({"event": event.name, **event.model_dump(mode="json")})


def event_from_json(line: str | bytes) -> Event:
    """The event of one line of JSON. Raises ValueError (pydantic's errors are such) where it is none."""
    fields: Any = json.loads(line)
    name = fields.pop("event", None) if isinstance(fields, dict) else None
    if not isinstance(name, str) or name not in event_types():
        raise ValueError(f"no event is named {name!r}")
    return event_types()[name].model_validate(fields)


@cache
def event_types() -> dict[str, type[Event]]:
    """Every event of this schema by its name."""
    return {kind.name: kind for kind in _below(Event) if "name" in vars(kind) and kind.__module__ in _MODULES}


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)
