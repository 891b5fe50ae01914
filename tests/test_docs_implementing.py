"""What docs/implementing.md says: its snippets run, its tables name what is there."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from examples import own_wire
from greenroom import messages, providers
from greenroom.providers import profiles, registry, simulator
from greenroom.providers.profile import Profile

PAGE = (Path(__file__).parents[1] / "docs" / "implementing.md").read_text()
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

NEEDED = (
    "Allowance", "ErrorEvidence", "InvalidInput", "SseDecoder", "SseError", "TooMuchError", "Writer", "count_in",
    "http_evidence", "is_foreign", "request_headers", "say_left_out", "scripted_reply", "served_to",
    "whole_number",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_codecs", dict(registry._codecs))
    monkeypatch.setattr(registry, "_simulated", dict(registry._simulated))
    monkeypatch.setattr(profiles, "_profiles", dict(profiles._profiles))
    monkeypatch.setitem(sys.modules, "parrot", own_wire)


def rows(heading: str) -> list[str]:
    """First cells of the table below this line."""
    section = PAGE.split(f"{heading}\n")[1].split("\n\n## ")[0].split("\n### ")[0]
    return [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]


def test_the_snippets_run_in_order() -> None:
    names: dict[str, Any] = {}
    for snippet in CODE:
        exec(snippet, names)  # noqa: S102
    assert providers.profile_for("acme").max_tokens_field == "max_completion_tokens"
    assert registry.codec_for("parrot").kind == "parrot"
    names["test_what_is_said_is_what_is_read"]()


def test_every_fact_in_the_table_is_a_field_of_a_profile() -> None:
    told = {name for cell in rows("## A server: one profile") for name in re.findall(r"`(\w+)`", cell)}
    assert told
    assert told <= Profile.model_fields.keys()


def test_every_member_of_a_reader_is_in_the_table() -> None:
    cells = rows("### The decoder")
    told = {name for cell in cells for name in re.findall(r"`(\w+)[(`]", cell)}
    declared = {*providers.Reader.__annotations__, *vars(providers.Reader)}
    assert told == {name for name in declared if not name.startswith("_")}


def test_names_that_the_page_tells_are_public() -> None:
    public = {name for room in (messages, providers, simulator) for name in room.__all__}
    named = set(re.findall(r"`(\w+)[(`]", PAGE))
    assert {"SimulatedWire", *NEEDED} <= named | set(re.findall(r"\*\*(\w+)\*\*", PAGE))
    assert public >= set(NEEDED)
