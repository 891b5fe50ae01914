"""docs/models.md says what the code does."""

import re
from pathlib import Path

import pytest

from greenroom.actors.model_cache import CacheRules
from greenroom.actors.model_catalog import FETCH_TIMEOUT_S
from greenroom.messages.config import SystemConfig
from greenroom.messages.models import ModelInfo
from greenroom.providers.catalog.client import BODY_BYTES_MAX, PAGES_MAX
from greenroom.providers.catalog.entries import MODELS_MAX
from greenroom.providers.catalog.ollama import SHOWN_MAX

PAGE = (Path(__file__).parents[1] / "docs" / "models.md").read_text()
LINE = " ".join(PAGE.split())


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_code_on_the_page_runs(snippet: str) -> None:
    exec(compile(snippet, "models.md", "exec"), {})  # noqa: S102


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    defaults, rules = SystemConfig(), CacheRules()
    assert f"`model_list_ttl_s` ({defaults.model_list_ttl_s:g} s)" in LINE
    assert f"`model_lists_max` ({defaults.model_lists_max})" in LINE
    assert (rules.ttl_s, rules.entries_max) == (defaults.model_list_ttl_s, defaults.model_lists_max)
    assert f"It has {FETCH_TIMEOUT_S:g} s for all pages" in LINE
    assert f"Nobody asks again within {rules.hold_s:g} s" in LINE
    assert f"one request in {rules.settle_s:g} s" in LINE
    assert f"{BODY_BYTES_MAX >> 20} MiB a page, {PAGES_MAX} pages, {MODELS_MAX:,} models" in LINE
    assert f"the first {SHOWN_MAX} that are not loaded" in LINE


def test_every_field_of_a_model_is_told() -> None:
    for name in ModelInfo.model_fields:
        assert f"`{name}`" in LINE, name
