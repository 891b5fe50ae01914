"""Each field of a request on each wire is sent, refused or left out, as docs/wires/fields.md says."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from every_wire import KINDS
from field_table import FIELDS, GROUPS, MESSAGES, Wire, page, table

from greenroom import ChatRequest
from greenroom.messages.options import StreamingOptions
from greenroom.providers import left_out

PAGE = Path(__file__).parents[2] / "docs" / "wires" / "fields.md"
SILENT = {"tool_choice auto", "parallel_tool_calls=True", "reasoning_effort none", "unsigned reasoning"}
"""Rows where a wire may say nothing: it does so anyway, or has no use for it."""
NO_WIRE = {"model", "messages", "options", "request_id", "tenant", "priority"}
"""Of the request, but not sent as a field of the body; `messages` and `options` have rows of their own."""


def test_the_page_says_what_the_codecs_do() -> None:
    assert PAGE.read_text() == page(), "python tests/field_table.py > docs/wires/fields.md"


def test_every_field_and_every_wire_is_in_the_table() -> None:
    fields = {name for given in FIELDS.values() for name in given}
    assert set(ChatRequest.model_fields) - NO_WIRE <= fields
    assert sorted(kind for group in GROUPS for kind in group) == sorted(KINDS)


def test_nothing_is_left_out_unsaid() -> None:
    silent = {name for name, cells in table().items() for told in cells.values() if not told}
    assert silent == SILENT


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_dropped_is_said(
    kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused by name is left out under the same name."""
    wire = Wire(kind)
    for name, given in FIELDS.items():
        refused = wire.refuses(given)
        monkeypatch.setattr(left_out, "_said", set())
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="greenroom.providers"):
            if wire.refuses(given, "drop"):
                continue
        said = {str(record.args[0]) for record in caplog.records if isinstance(record.args, tuple)}
        assert said == {re.sub(r"\.\d+", ".*", path) for path in refused}, name


@pytest.mark.parametrize("kind", KINDS)
def test_extra_body_wins_over_what_we_send(kind: str) -> None:
    body = Wire(kind).body({"extra_body": {"stream": "theirs", "max_tokens": 5, "novel": {"x": [1]}}})
    assert (body["stream"], body["max_tokens"], body["novel"]) == ("theirs", 5, {"x": [1]})


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"openai-completions", "anthropic-text", "anthropic"}))
def test_json_mode_asks_for_an_object(kind: str) -> None:
    """As `response_format` does, and whatever free text the request names beside."""
    wire = Wire(kind)
    mode: dict[str, Any] = {"options": StreamingOptions(json_mode=True)}
    wanted = wire.body({"response_format": "json_object"})
    assert wire.body(mode) == wire.body({**mode, "response_format": "text"}) == wanted
    schema = FIELDS["response_format json_schema"]
    assert wire.body({**mode, **schema}) == wire.body(schema)


@pytest.mark.parametrize("kind", ["openai-completions", "anthropic-text", "anthropic"])
def test_json_mode_is_refused_where_the_wire_has_no_free_json(kind: str) -> None:
    assert Wire(kind).refuses(FIELDS["options.json_mode"]) == ["options.json_mode"]
    assert Wire(kind).refuses(FIELDS["options.json_mode"], "drop") == []


def test_a_schema_is_enough_for_json_mode_on_anthropic() -> None:
    assert Wire("anthropic").refuses(FIELDS["options.json_mode with a schema"]) == []


def test_rows_have_different_names() -> None:
    assert not FIELDS.keys() & MESSAGES.keys()
