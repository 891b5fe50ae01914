"""What docs/wires/anthropic.md says, held against the code."""

import re
from pathlib import Path

import pytest

from greenroom.config import read_config
from greenroom.messages.request import ChatRequest
from greenroom.providers.anthropic.check import NOT_ON_THIS_WIRE
from greenroom.providers.anthropic.models import facts_of
from greenroom.providers.anthropic.thinking import BUDGETS_TOKENS, thinking_fields
from greenroom.providers.anthropic.words import REASONS
from greenroom.supervision.attempts import CONTINUE_MAX

PAGE = (Path(__file__).parents[3] / "docs" / "wires" / "anthropic.md").read_text()


def rows(first: str) -> list[list[str]]:
    """The cells of the table whose head begins so."""
    table = PAGE.split(f"| {first}")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def test_stop_reasons() -> None:
    told = {
        raw: quoted(ours)[0] for raws, ours in rows("`stop_reason`") for raw in quoted(raws) if quoted(ours)
    }
    told = {raw: ours for raw, ours in told.items() if raw != "compaction"}
    ours = {raw: reason for raw, reason in REASONS.items() if raw in told}
    assert told == ours
    assert set(REASONS) - set(told) == {"stop", "length", "tool_calls", "content_filter"}


def test_efforts() -> None:
    for effort, budget, level in rows("effort"):
        name = quoted(effort)[0]
        tokens = budget.replace(",", "")
        assert tokens == (str(BUDGETS_TOKENS[name]) if name in BUDGETS_TOKENS else "nothing is sent")
        for model, place in (("claude-opus-4-8", 0), ("claude-opus-4-6", -1)):
            fields = thinking_fields(name, facts_of(model), 32_000)
            sent = fields.get("output_config", {}).get("effort") or "thinking: disabled"
            assert quoted(level)[place] == sent


def test_defaults_and_refusals() -> None:
    (tokens,) = (cell for name, cell in rows("ChatRequest") if name == "`max_output_tokens`")
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d+,\d+", tokens)]
    models = ("claude-sonnet-4-5", "claude-3-5-haiku", "claude-3-opus")
    assert numbers == [facts_of(model).default_max_tokens for model in models]
    section = PAGE.split("Refused with `InvalidInput`")[1].split("Always")[0]
    assert set(NOT_ON_THIS_WIRE) <= set(quoted(section)) & set(ChatRequest.model_fields)
    assert "eleventh" in PAGE
    assert CONTINUE_MAX == 10


@pytest.mark.parametrize("toml", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_configuration_is_taken(toml: str, tmp_path: Path) -> None:
    file = tmp_path / "greenroom.toml"
    file.write_text(toml)
    file.chmod(0o600)
    loaded = read_config(file, {"GATEWAY_KEY": "k"})
    assert loaded.warnings == ()
    assert loaded.config.providers["claude"].kind == "anthropic"
