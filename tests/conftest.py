"""What every test has: hypothesis profiles, the shared corpus, and a leak check for tests/system."""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from greenroom.providers import profiles

from real_llama import llama_server, real_model, tool_llama_url  # noqa: F401  (fixtures of the whole session)
from request_path import rig  # noqa: F401  (fixture)
from shared_files import SHARED

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts `command &` so; the children of our Ctrl-C tests would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SYSTEM_TESTS = Path(__file__).parent / "system"
LEAK_WAIT_S = 5.0


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set GREENROOM_SHARED to the folder that holds {name}/")
    return folder


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The corpus of wire errors and SSE cases (../shared/corpus), or a skip."""
    return _shared("corpus")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Streams recorded from real servers (../shared/recordings), or a skip."""
    return _shared("recordings")


@pytest.fixture(scope="module", autouse=True)
def _full_collections_pass_over_what_is_old() -> None:
    """The tests' own full collections need not walk what was there before their file began."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take the interpreter from each other as often as they can: races that are possible happen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def profiles_as_before() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = dict(profiles._profiles)
    yield
    profiles._profiles.clear()
    profiles._profiles.update(before)


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fails a test that leaves threads, sockets or asyncio tasks behind. Waits a little for them to end."""
    yield from _nothing_left()


@pytest.fixture(autouse=True)
def _no_leaks_in_system_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """autouse: set up before a test's own fixtures, so that it looks when they are gone."""
    if SYSTEM_TESTS in request.path.parents:
        yield from _nothing_left()
    else:
        yield


def _nothing_left() -> Iterator[None]:
    before = _alive()
    yield
    give_up_at = time.monotonic() + LEAK_WAIT_S
    while left := {kind: found for kind, found in _alive().items() if found.keys() - before[kind].keys()}:
        if time.monotonic() > give_up_at:
            new = {kind: found.keys() - before[kind].keys() for kind, found in left.items()}
            named = {kind: sorted(left[kind][thing] for thing in things) for kind, things in new.items()}
            pytest.fail(f"left behind {LEAK_WAIT_S:g} s after the test: {named}")
        time.sleep(0.02)


def _alive() -> dict[str, dict[object, str]]:
    """What there is now, by kind: an identity and a name."""
    gc.collect()
    threads = {thread: thread.name for thread in threading.enumerate() if thread.is_alive()}
    return {"threads": dict(threads), "sockets": dict(_sockets()), "tasks": dict(_tasks())}


def _tasks() -> dict[object, str]:
    """Unfinished asyncio tasks of every loop in this process."""
    found = [thing for thing in gc.get_objects() if issubclass(type(thing), asyncio.Task)]
    return {id(task): repr(task) for task in found if not task.done()}


def _sockets() -> dict[object, str]:
    """Open sockets; an fd used again for another socket counts as new. Empty where there is no /proc."""
    found: dict[object, str] = {}
    if not sys.platform.startswith("linux"):
        return found
    for fd in Path("/proc/self/fd").iterdir():
        try:
            target = fd.readlink()
        except OSError:
            continue
        if str(target).startswith("socket:"):
            found[fd.name, str(target)] = f"fd {fd.name} is {target}"
    return found
