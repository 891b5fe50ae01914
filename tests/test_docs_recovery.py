"""What docs/recovery.md and docs/retry-store.md say, held against the code; their snippets, run."""

import re
from pathlib import Path

import pytest

from greenroom.messages import recovery_events, store_errors, store_events
from greenroom.messages.config import RetryStoreConfig
from greenroom.messages.events import Event, StreamEvent
from greenroom.messages.options import Durability, StreamingOptions
from greenroom.supervision.ladder import LADDER
from greenroom.supervision.overlap import OVERLAP_MAX, WHOLE_MAX

DOCS = Path(__file__).parents[1] / "docs"
RECOVERY = (DOCS / "recovery.md").read_text()
STORE = (DOCS / "retry-store.md").read_text()


def first_cells(page: str, head: str) -> list[str]:
    table = page.split(f"| {head} |")[1].split("\n\n", maxsplit=1)[0]
    return [line.strip("| ").split(" | ")[0] for line in table.splitlines()[2:]]


def names_of(module: object) -> set[str]:
    """Of the events that this module has."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Event)]
    return {kind.name for kind in kinds} - {Event.name, StreamEvent.name}


def test_the_rungs_are_those_of_the_ladder_in_its_order() -> None:
    named = [name for cell in first_cells(RECOVERY, "rung") for name in re.findall(r"`(\w+)`", cell)]
    assert tuple(named) == LADDER


def test_the_options_on_the_page_are_options() -> None:
    table = RECOVERY.split("| rung |")[1].split("\n\n")[0]
    allowed = [line.strip("| ").rsplit(" | ", 1)[1] for line in table.splitlines()[2:]]
    named = {name for cell in allowed for name in re.findall(r"`(\w+)(?:=[^`]*)?`", cell)}
    assert named
    assert named <= set(StreamingOptions.model_fields)
    assert StreamingOptions().continue_prefix
    assert StreamingOptions().max_reconnect_attempts == 3


def test_the_bounds_of_what_is_compared() -> None:
    assert f"({OVERLAP_MAX} characters)" in RECOVERY
    assert f"({WHOLE_MAX // 1024} Ki characters)" in RECOVERY


def test_every_event_is_named() -> None:
    assert set(re.findall(r"`((?:stream|provider)\.\w+)`", RECOVERY)) == names_of(recovery_events)
    assert set(re.findall(r"`((?:store|stream)\.[a-z_]+)`", STORE)) == names_of(store_events)


def test_every_durability_and_error_of_the_store_is_named() -> None:
    assert set(first_cells(STORE, "durability")) == {f"`{name}`" for name in Durability.__args__}  # type: ignore[attr-defined]
    errors = {kind.__name__ for kind in store_errors.RetryStoreError.__subclasses__()}
    assert errors <= set(re.findall(r"`(Store\w+)`", STORE))


def test_the_defaults_of_the_store() -> None:
    assert f"`state_ttl_s` ({StreamingOptions().state_ttl_s:g} s)" in STORE
    assert RetryStoreConfig().at_start == "offer"


@pytest.mark.parametrize(
    "snippet",
    [each for page in (RECOVERY, STORE) for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL)],
)
def test_the_code_runs(snippet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenroom.providers.capabilities._rules", [])
    exec(compile(snippet, "the page", "exec"), {})  # noqa: S102
