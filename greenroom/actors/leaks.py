"""What is left behind: actors, threads, sockets and asyncio tasks that were not there before."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.process import dispatchers

_LOOK_AGAIN_S = 0.02


@contextmanager
def leak_check(within_s: float = 5.0) -> Iterator[None]:
    """Afterwards there are no actors, threads, sockets or tasks that were not there before.

    What is ending has `within_s` seconds for it. Raises AssertionError that names what is left; not where the
    body raised something itself. Sockets are looked at where there is /proc or /dev/fd.
    """
    before = what_lives()
    yield
    pause = threading.Event()
    for _ in range(max(1, round(within_s / _LOOK_AGAIN_S))):
        left = what_lives() - before
        if not left:
            return
        pause.wait(_LOOK_AGAIN_S)
    raise AssertionError(f"left behind {within_s:g} s later: {', '.join(sorted(left))}")


def what_lives() -> set[str]:
    """A name for each living actor, thread, socket and unfinished task that can be seen from here."""
    found = {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}
    for dispatcher in dispatchers():
        if isinstance(dispatcher, Dispatcher) and dispatcher.is_running:
            found |= {f"actor {path} of {dispatcher.name}" for path in dispatcher.live_paths()}
            found |= {_task_name(task) for task in asyncio.all_tasks(dispatcher.loop)}
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        return found | _sockets()
    return found | {_task_name(task) for task in asyncio.all_tasks(here)} | _sockets()


def _task_name(task: "asyncio.Task[object]") -> str:
    return f"task {task.get_name()} ({id(task):x})"


def _sockets() -> set[str]:
    found = set()
    for folder in ("/proc/self/fd", "/dev/fd"):
        if not Path(folder).is_dir():
            continue
        for fd in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{fd}")
            except OSError:
                continue
            if target.startswith("socket:"):
                found.add(f"fd {fd} {target}")
        break
    return found
