"""What docs/breakers.md says, held against the code."""

import re
from pathlib import Path
from typing import Any

import pytest

from greenroom.actors.breaker_core import TRANSITIONS
from greenroom.config import read_config
from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.breaker_events import BreakerEvent

PAGE = (Path(__file__).parents[1] / "docs" / "breakers.md").read_text()


def rows(head: str) -> list[list[str]]:
    table = PAGE.split(f"| {head} |")[1].split("\n\n")[0]
    return [re.split(r" \| ", line.strip("| ")) for line in table.splitlines()[2:]]


def test_the_states_and_where_they_lead() -> None:
    by_hand = {"reset", "force_open", "disable"}
    told = {
        state.strip("`"): set(re.findall(r"`(\w+)` when it (\w+)", becomes))
        for state, _, becomes in rows("state")
    }
    real = {
        state: {(after, trigger) for trigger, after in row.items() if trigger not in by_hand}
        for state, row in TRANSITIONS.items()
    }
    assert told == real
    for trigger in by_hand:
        assert f"`{trigger}()`" in PAGE


def test_the_fields_and_their_defaults() -> None:
    told: dict[str, Any] = {}
    for names, defaults, _ in rows("field"):
        told |= dict(zip(re.findall(r"`(\w+)`", names), defaults.replace("`", "").split(", "), strict=True))
    assert told.keys() == BreakerConfig.model_fields.keys()
    for name, value in told.items():
        default = BreakerConfig.model_fields[name].default
        assert value == (f"{default:g}" if isinstance(default, float) else str(default)), name


def test_every_event_is_named() -> None:
    names = {kind.name for kind in BreakerEvent.__subclasses__()}
    assert set(re.findall(r"`(breaker\.\w+)`", PAGE)) == names


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_code_runs(snippet: str) -> None:
    exec(compile(snippet, "breakers.md", "exec"), {})  # noqa: S102


def test_the_file_is_read(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "greenroom.toml"
    file.write_text(snippet)
    config = read_config(file, {}).config
    assert config.breaker.min_calls == 20
    breaker = config.providers["gpu-box"].breaker
    assert breaker is not None
    assert (breaker.slow_ttft_s, breaker.min_calls) == (8, 10)
