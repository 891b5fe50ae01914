"""The leak check must itself be seen to fail."""

import os
import textwrap
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
CONFTEST = Path(__file__).with_name("conftest.py")

LEAKS = {
    "threads": """
        import threading
        def test_it():
            threading.Thread(target=threading.Event().wait, args=(20,), name="forgotten", daemon=True).start()
    """,
    "sockets": """
        import socket
        KEPT = []
        def test_it():
            KEPT.append(socket.socket())
    """,
    "tasks": """
        import asyncio
        KEPT = []
        def test_it():
            loop = asyncio.new_event_loop()
            async def forever():
                await loop.create_future()
            KEPT.append((loop, loop.create_task(forever())))
    """,
}


def run(pytester: pytest.Pytester, folder: str, source: str) -> pytest.RunResult:
    pytester._monkeypatch.setenv("PYTHONPATH", f"{CONFTEST.parent}{os.pathsep}{CONFTEST.parents[1]}")
    pytester.makeconftest(CONFTEST.read_text().replace("LEAK_WAIT_S = 5.0", "LEAK_WAIT_S = 0.2"))
    (pytester.path / folder).mkdir()
    (pytester.path / folder / "test_it.py").write_text(textwrap.dedent(source))
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q", "-rs", folder)


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_in_a_system_test_fails_it(pytester: pytest.Pytester, kind: str) -> None:
    result = run(pytester, "system", LEAKS[kind])
    result.assert_outcomes(passed=1, errors=1)
    assert kind in result.stdout.str()


def test_other_tests_are_not_checked(pytester: pytest.Pytester) -> None:
    run(pytester, "messages", LEAKS["sockets"]).assert_outcomes(passed=1)


def test_a_session_fixture_is_no_leak(pytester: pytest.Pytester) -> None:
    source = """
        import socket, pytest
        @pytest.fixture(scope="session")
        def server():
            with socket.socket() as s:
                yield s
        def test_it(server):
            pass
    """
    run(pytester, "system", source).assert_outcomes(passed=1)


def test_absent_recordings_skip_with_a_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENROOM_SHARED", "/nowhere")
    result = run(pytester, "messages", "def test_it(recordings, corpus): ...")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*/nowhere/*is not there; set GREENROOM_SHARED*"])
