"""What docs/supervision.md says, held against the code; its snippet, run."""

import re
from pathlib import Path

from greenroom.messages import supervisor_events
from greenroom.messages.events import Event
from greenroom.supervision.root import BRANCH_BACKOFF, INTENSITY, PERIOD_S

PAGE = (Path(__file__).parents[1] / "docs" / "supervision.md").read_text()


def test_every_event_of_supervisors_is_in_the_table() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE.split("| event | when |")[1], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\.?[a-z_]+(?:\.[a-z_]+)*)`", row)}
    whole = {f"supervisor{name}" if name.startswith(".") else name for name in named}
    kinds = [kind for kind in vars(supervisor_events).values() if isinstance(kind, type)]
    names = {kind.name for kind in kinds if issubclass(kind, Event)} - {Event.name}
    assert names
    assert names <= whole


def test_the_figures_of_the_tree() -> None:
    assert f"at most {INTENSITY} restarts in {PERIOD_S:g} s" in PAGE
    assert f"restarts wait, {BRANCH_BACKOFF.min_s:g} s to {BRANCH_BACKOFF.max_s:g} s" in PAGE


def test_the_code_runs() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(snippet, "supervision.md", "exec"), {})  # noqa: S102
