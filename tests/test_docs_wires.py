"""What docs/wires/ and the table of kinds say, held against the registered wires; their snippets, read."""

import re
from pathlib import Path

import pytest

from greenroom import ActorSystem
from greenroom.config import read_config
from greenroom.providers.registry import codec_kinds

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted((DOCS / "wires").glob("*.md"))
TOML = [
    pytest.param(snippet, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, snippet in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL))
]


def kinds_in(text: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE))


def test_both_tables_have_every_wire() -> None:
    kinds = (DOCS / "configuration.md").read_text().split("## Kinds")[1].split("\n## ")[0]
    assert kinds_in(kinds) == kinds_in((DOCS / "wires" / "README.md").read_text()) == set(codec_kinds())


def test_the_index_leads_to_every_page_and_links_lead_somewhere() -> None:
    index = (DOCS / "wires" / "README.md").read_text()
    assert {page.name for page in PAGES} - {"README.md"} <= set(re.findall(r"\(([\w-]+\.md)", index))
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("toml", TOML)
def test_a_system_starts_with_what_the_pages_configure(toml: str, tmp_path: Path) -> None:
    file = tmp_path / "greenroom.toml"
    file.write_text(toml)
    file.chmod(0o600)
    loaded = read_config(file, dict.fromkeys(re.findall(r'api_key_env = "(\w+)"', toml), "k"))
    assert loaded.warnings == ()
    with ActorSystem.start(loaded.config) as system:
        started = {endpoint.provider for endpoint in system.statistics().endpoints}
    assert started >= set(re.findall(r"^\[providers\.(\w+)\]", toml, re.MULTILINE))
