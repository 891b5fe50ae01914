"""What docs/routes.md says, held against the code; its snippets, read."""

import re
from pathlib import Path

import pytest

from greenroom.config import read_config
from greenroom.messages.failures import ErrorClass
from greenroom.messages.routes import ATTEMPT_OPTIONS, FALL_BACK_ON, PATCHED, FallBackClass, HopConfig

PAGE = (Path(__file__).parents[1] / "docs" / "routes.md").read_text()


def cells(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def test_the_table_of_classes_is_the_codes() -> None:
    by_row = [set(re.findall(r"`(\w+)`", row[0])) for row in cells("When the next hop is asked")]
    assert by_row[0] | by_row[1] == set(FALL_BACK_ON)
    assert by_row[2] == set(FallBackClass.__args__) - set(FALL_BACK_ON)  # type: ignore[attr-defined]
    assert by_row[3] == set(ErrorClass.__args__) - set(FallBackClass.__args__)  # type: ignore[attr-defined]


def test_the_table_of_a_hops_fields_is_whole() -> None:
    rows = cells("A hop")
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert named == set(HopConfig.model_fields) - {"model"}
    assert set(PATCHED) <= named
    (options,) = [row[2] for row in rows if row[0] == "`options`"]
    assert set(re.findall(r"`(\w+)`", options)) == set(ATTEMPT_OPTIONS)


@pytest.mark.parametrize("snippet", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_files_on_the_page_can_be_read(snippet: str, tmp_path: Path) -> None:
    file = tmp_path / "greenroom.toml"
    file.write_text(snippet)
    read_config(file, environ={})


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_code_on_the_page_runs(snippet: str) -> None:
    exec(compile(snippet, "routes.md", "exec"), {})  # noqa: S102
