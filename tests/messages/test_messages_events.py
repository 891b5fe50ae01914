"""The schema of events: names, fields and types, pinned in event_schema.json.

A dashboard may read lines written by another version. So a change of the schema is made on purpose: run
`python tests/messages/test_messages_events.py` and look at the diff. Adding an optional field keeps
SCHEMA_VERSION; anything else raises it.
"""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import greenroom.messages
from greenroom.messages import Event, event_from_json, event_json, event_types
from greenroom.messages.events import SCHEMA_VERSION, StreamOpened

from strategies import events, events_of

SCHEMA = Path(__file__).with_name("event_schema.json")
PROMPT_WORDS = {"prompt", "content", "text", "messages", "api_key", "headers", "completion", "body"}


def type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def schema() -> dict[str, Any]:
    """What event_schema.json should hold."""
    return {
        "version": SCHEMA_VERSION,
        "events": {
            name: {
                field: type_name(info.annotation) + ("" if info.is_required() else " = optional")
                for field, info in kind.model_fields.items()
            }
            for name, kind in sorted(event_types().items())
        },
    }


def all_kinds(base: type[Event] = Event) -> list[type[Event]]:
    found = [sub for kind in base.__subclasses__() for sub in [kind, *all_kinds(kind)]]
    return [kind for kind in found if kind.__module__.startswith(greenroom.messages.__name__)]


def test_the_schema_changes_only_on_purpose() -> None:
    assert schema() == json.loads(SCHEMA.read_text()), f"if it is meant: python {__file__}"


def test_every_event_has_its_own_name() -> None:
    named = [kind for kind in all_kinds() if "name" in vars(kind)]
    assert len({kind.name for kind in named}) == len(named)
    assert set(event_types().values()) == set(named)
    families = [kind.__name__ for kind in all_kinds() if "name" not in vars(kind)]
    assert families == [name for name in families if name.endswith("Event")]


@pytest.mark.parametrize("name", sorted(event_types()))
def test_names_are_family_dot_what(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)*", name)


@pytest.mark.parametrize("kind", event_types().values(), ids=lambda kind: kind.name)
@given(data=st.data())
def test_json_and_pickle_and_back(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(events_of(kind))
    line = event_json(event)
    assert "\n" not in line
    assert event_from_json(line) == event
    assert type(event_from_json(line.encode())) is kind
    assert json.loads(line)["event"] == kind.name
    assert json.loads(line)["v"] == SCHEMA_VERSION
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301


@given(events)
def test_events_are_frozen_and_hashable(event: Event) -> None:
    with pytest.raises(AttributeError):
        event.at_s = 0  # type: ignore[misc]
    hash(event)


@pytest.mark.parametrize("kind", event_types().values(), ids=lambda kind: kind.name)
def test_no_field_is_made_for_prompts_or_secrets_and_numbers_have_units(kind: type[Event]) -> None:
    for name, info in kind.model_fields.items():
        assert name not in PROMPT_WORDS or info.annotation is int
        if info.annotation in (float, float | None):
            assert name.endswith(("_s", "_ms", "_usd", "_rate")), name


def test_another_version_and_unknown_names_are_refused() -> None:
    line = event_json(StreamOpened(at_s=1, status=200, open_ms=2, reused_connection=True))
    with pytest.raises(ValidationError):
        event_from_json(line.replace('"v": 1', '"v": 2'))
    with pytest.raises(ValueError, match=r"no event is named 'stream\.exploded'"):
        event_from_json(line.replace("stream.opened", "stream.exploded"))
    for nonsense in ("", "[]", "{}", "5", '{"event": 5}'):
        with pytest.raises(ValueError, match=r".+"):
            event_from_json(nonsense)


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(schema(), indent=2) + "\n")
