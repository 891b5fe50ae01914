"""Where the model is looked for, and when it is believed."""

import sys
from pathlib import Path

import pytest
from fake_index import TinyModel

from greenroom.providers.local_model import LocalModelUnavailable, default_cache_dir, find_model
from greenroom.providers.local_model.cache import stamp_path


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"GREENROOM_CACHE_DIR": "/here", "XDG_CACHE_HOME": "/xdg", "HOME": "/home/me"}, "linux", "/here"),
        ({"XDG_CACHE_HOME": "/xdg", "HOME": "/home/me"}, "linux", "/xdg/greenroom"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "linux", "/home/me/.cache/greenroom"),
        ({"HOME": "/home/me"}, "linux", "/home/me/.cache/greenroom"),
        ({"HOME": "/Users/me"}, "darwin", "/Users/me/Library/Caches/greenroom"),
        ({"XDG_CACHE_HOME": "/xdg", "HOME": "/Users/me"}, "darwin", "/xdg/greenroom"),
    ],
)
def test_the_cache_folder_follows_the_environment(
    environment: dict[str, str], platform: str, expected: str
) -> None:
    assert default_cache_dir(environment, platform) == Path(expected)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(LocalModelUnavailable) as caught:
        default_cache_dir({})

    assert "GREENROOM_CACHE_DIR=" in caught.value.remedy


def test_nothing_is_found_in_a_cache_that_is_not_there(tmp_path: Path, tiny_model: TinyModel) -> None:
    assert find_model(tmp_path / "none", tiny_model.package) is None
    assert not (tmp_path / "none").exists()


def put(tmp_path: Path, tiny_model: TinyModel) -> Path:
    """The model file in the cache, by hand, without a stamp."""
    file = tmp_path / "models" / tiny_model.package.file_name
    file.parent.mkdir(parents=True)
    file.write_bytes(tiny_model.content)
    return file


def test_a_file_put_there_by_hand_is_hashed_and_then_vouched_for(
    tmp_path: Path, tiny_model: TinyModel
) -> None:
    file = put(tmp_path, tiny_model)

    assert find_model(tmp_path, tiny_model.package) == file
    assert stamp_path(file.parent, tiny_model.package).exists()


def test_a_stamp_saves_the_second_reading(
    tmp_path: Path, tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path, tiny_model)
    find_model(tmp_path, tiny_model.package)
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("read again"))

    assert find_model(tmp_path, tiny_model.package) == file


@pytest.mark.parametrize("stamp", [b"", b"{}", b"\xff\xfe", b'{"sha256": "other"}'])
def test_a_stamp_that_disagrees_costs_a_reading_and_is_renewed(
    tmp_path: Path, tiny_model: TinyModel, stamp: bytes
) -> None:
    file = put(tmp_path, tiny_model)
    find_model(tmp_path, tiny_model.package)
    beside = stamp_path(file.parent, tiny_model.package)
    good = beside.read_bytes()
    beside.write_bytes(stamp)

    assert find_model(tmp_path, tiny_model.package) == file
    assert beside.read_bytes() == good


def install(site: Path, content: bytes) -> Path:
    """A site-packages folder with the package; its code raises when imported."""
    module = site / "greenroom_tiny_model"
    module.mkdir(parents=True)
    (module / "__init__.py").write_text("raise AssertionError('imported')")
    (module / "tiny.gguf").write_bytes(content)
    return module / "tiny.gguf"


def test_an_installed_package_is_used_without_importing_it(
    tmp_path: Path, tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = install(tmp_path / "site", tiny_model.content)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    assert find_model(tmp_path / "cache", tiny_model.package) == installed
    assert "greenroom_tiny_model" not in sys.modules


def test_an_installed_package_with_another_file_is_not_used(
    tmp_path: Path, tiny_model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", b"\0" + tiny_model.content[1:])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    assert find_model(tmp_path / "cache", tiny_model.package) is None
