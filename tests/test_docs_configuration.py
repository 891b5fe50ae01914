"""What docs/configuration.md says of options, held against the code; its snippets, read."""

import ast
import re
from pathlib import Path

import pytest

from greenroom.config import read_config
from greenroom.messages.options import StreamingOptions

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "configuration.md").read_text()


def names_in_use() -> set[str]:
    """Every name that greenroom reads off a value, as an attribute or by a string.

    Without where options are defined, loaded and set: that alone has no effect.
    """
    found: set[str] = set()
    for file in (ROOT / "greenroom").rglob("*.py"):
        if file.name != "options.py" and file.parent.name not in {"config", "cli"}:
            nodes = list(ast.walk(ast.parse(file.read_text())))
            found |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            found |= {
                node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is str
            }
    return found


def test_the_options_that_nothing_reads_are_those_that_are_said_to_have_no_effect() -> None:
    said = re.search(r"have no effect yet;.*?:(.*?)\.\n", PAGE, re.DOTALL)
    assert said is not None
    without_effect = set(re.findall(r"`(\w+)`", said[1]))

    assert set(StreamingOptions.model_fields) - names_in_use() == without_effect


def test_the_defaults_in_the_table_are_those_of_the_code() -> None:
    section = PAGE.split("## Streaming options")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \|", section, re.MULTILINE)
    told = {}
    for names, values in rows:
        told |= dict(zip(re.findall(r"`(\w+)`", names), values.split(", "), strict=True))
    assert len(told) > 9
    for name, value in told.items():
        number, _, unit = value.strip("`").partition(" ")
        factor = {"": 1, "KiB": 1024, "MiB": 1024**2}[unit]
        default = StreamingOptions.model_fields[name].default
        assert default == (int(number) * factor if number.isdecimal() else number), name


@pytest.mark.parametrize("snippet", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_files_on_the_page_can_be_read(
    snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_OPENAI_KEY", "sk-x")
    file = tmp_path / "greenroom.toml"
    file.write_text(snippet)
    read_config(file)


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_code_on_the_page_runs(snippet: str) -> None:
    exec(compile(snippet, "configuration.md", "exec"), {})  # noqa: S102
