"""What a process does: forks, exits, and Pykka's process-wide registry. Each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pykka
import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.loop_actor import LoopActor

PROJECT = Path(__file__).parents[3]
PREAMBLE = """
import os, sys, threading
from greenroom.actors import future
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import StartedBeforeFork
from greenroom.actors.loop_actor import LoopActor

class Echo(LoopActor):
    def on_receive(self, message):
        return message
"""


def run(script: str) -> str:
    """What the script printed; it must end well, and within 30 s."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PREAMBLE + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forks_child_gets_an_error_that_says_start_after_fork() -> None:
    printed = run("""
        dispatcher = Dispatcher()
        dispatcher.start()
        unstarted = Dispatcher(name="unstarted")
        ref, cell = dispatcher.spawn(Echo), dispatcher.new_cell("/c", "echo")
        assert ref.ask(1) == 1
        # Another thread holds our locks at the moment of the fork.
        held, release = threading.Event(), threading.Event()
        def hold():
            with dispatcher.lock, unstarted.lock, future._guard.lock:
                held.set()
                release.wait()
        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        child = os.fork()
        if child == 0:
            uses = {
                "tell": lambda: ref.tell(1),
                "control": lambda: ref.tell_control(1),
                "ask": lambda: ref.ask(1, timeout=5),
                "kill": ref.kill,
                "call": lambda: dispatcher.call(int),
                "spawn": lambda: dispatcher.spawn(Echo),
                "new_cell": lambda: dispatcher.new_cell("/d", "echo"),
                "start": dispatcher.start,
                "stop": dispatcher.stop,
            }
            for name, use in uses.items():
                try:
                    use()
                    print(name, "raised nothing", flush=True)
                except StartedBeforeFork as error:
                    assert "start after fork" in str(error)
            cell.ref.tell(1)  # waits there for an incarnation that cannot come
            for fresh in (unstarted, Dispatcher()):
                fresh.start()
                assert fresh.spawn(Echo).ask(2) == 2
            print("child is well", flush=True)
            sys.exit(0)  # runs atexit too
        release.set()
        assert os.waitpid(child, 0)[1] == 0
        assert ref.ask(3) == 3
        print("parent is well")
    """)

    assert printed.split("\n")[:2] == ["child is well", "parent is well"]


def test_an_exit_stops_what_runs_within_bounds() -> None:
    printed = run("""
        class Farewell(LoopActor):
            def on_stop(self):
                print("stopped", flush=True)

        dispatcher = Dispatcher()
        dispatcher.start()
        dispatcher.spawn(Farewell)
        stuck = Dispatcher()
        stuck.start()
        began = threading.Event()
        stuck.call(lambda: (began.set(), threading.Event().wait()))
        began.wait()
    """)

    assert printed == "stopped\n"


def test_an_interpreter_that_exits_in_a_hurry_leaves_no_trace() -> None:
    assert run("Dispatcher().start()") == ""


def test_the_hosts_stop_all_does_not_end_us(dispatcher: Dispatcher) -> None:
    class Echo(LoopActor):
        def on_receive(self, message: Any) -> Any:
            return message

    class Registered(Echo):
        registered = True
        home = dispatcher

    ours, theirs, started = dispatcher.spawn(Echo), dispatcher.spawn(Registered), Registered.start()
    theirs.ask(1)
    started.ask(1)
    assert {*pykka.ActorRegistry.get_all()} == {theirs, started}
    assert len(pykka.ActorRegistry.get_all()) == 2

    pykka.ActorRegistry.stop_all(timeout=10)

    assert ours.ask(1) == 1
    assert not theirs.is_alive()
    assert pykka.ActorRegistry.get_all() == []
