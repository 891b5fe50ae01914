"""What tests of configuration share: a folder without any of this machine's files, and a file of the test's."""

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str], Path]
SECRET = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture(name="write")
def writer(tmp_path: Path) -> Write:
    """Writes the file, which only its owner may read, and says where it is."""

    def write(text: str) -> Path:
        path = tmp_path / "conf.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write
