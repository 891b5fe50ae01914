"""Homes of blocking work: actors with a thread of their own, asked by the others and never waited for."""

import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pykka

from greenroom.actors.errors import ActorFailed
from greenroom.actors.pykka_compat import BlockingActor
from greenroom.messages.commands import CountTokens, GetKey, NoKey
from greenroom.messages.supervisor_events import ChildRestarted

WAITING_MAX = 1024
"""As many questions wait for a blocking actor that does not answer; who would be the next need not ask."""


def is_choked(ref: pykka.ActorRef[Any]) -> bool:
    """True where so many wait that a further question is not worth its memory. Any thread."""
    return _waiting(ref.actor_inbox) >= WAITING_MAX


def _waiting(inbox: Any) -> int:
    # A ThreadingActor's inbox is a queue.Queue; Pykka's Protocol does not say so.
    count: int = inbox.qsize()
    return count


class Standing:
    """One blocking actor, started now, and again by whoever wants it when it has ended: no supervisor has it, and
    a host's `pykka.ActorRegistry.stop_all` ends it with its own. A restart is told. Any thread.
    """

    def __init__(
        self, start: Callable[[], pykka.ActorRef[Any]], report: Callable[..., object], parent: str, name: str
    ) -> None:
        self._start, self._report, self._parent, self._name = start, report, parent, name
        self._lock = threading.Lock()
        self._closed, self._incarnation = False, 1
        self._ref = start()

    def ref(self) -> pykka.ActorRef[Any]:
        """The one that lives. A dead one after `close`, or where no thread can be started just now."""
        with self._lock:
            if self._closed or self._ref.is_alive():
                return self._ref
            try:
                self._ref = ref = self._start()
            except RuntimeError:
                # To ask the dead fails at once, and the next who wants it tries again.
                return self._ref
            self._incarnation = number = self._incarnation + 1
        self._report(
            ChildRestarted, actor=self._parent, child=self._name, incarnation=number, restarts=number - 1
        )
        return ref

    def close(self) -> None:
        """It ends with what it is doing now, and is not started again."""
        with self._lock:
            self._closed = True
        self._ref.stop(block=False)


class KeyAsker(BlockingActor):
    """Runs a provider's api_key callable, one call at a time. What it raises is not raised on:
    Pykka would log it, and its words may hold the key. The asker is told its type and its place.

    A call answers all that were asked before it began: behind a slow one no queue of calls grows.
    """

    def __init__(self, ask_user: Callable[[], str]) -> None:
        super().__init__()
        self._ask_user = ask_user
        self._key = ""
        self._answered = 0
        """How many of those that come next had been asked before the last call began."""

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, GetKey):
            return super().on_receive(message)
        if self._answered:
            self._answered -= 1
            return self._key
        asked_before = _waiting(self.actor_inbox)
        try:
            key: object = self._ask_user()
        except BaseException as error:  # noqa: BLE001  (user code; a SystemExit would end all Pykka actors)
            return NoKey(f"failed: {type(error).__name__}{_place_of(error)}")
        if (wrong := _wrong_key(key)) is not None:
            return NoKey(f"returned {wrong}, not a key")
        self._key, self._answered = str(key), asked_before
        return self._key


def _wrong_key(key: object) -> str | None:
    """What this is instead of a key; None for one."""
    if not isinstance(key, str):
        return f"a value of type {type(key).__name__}"
    if not key:
        return "an empty string"
    visible = key.isascii() and key.isprintable() and " " not in key
    return (
        None if visible else "a string with spaces, line ends or other characters that a header cannot hold"
    )


def _place_of(error: BaseException) -> str:
    """Where it was raised: file and line, no text."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if len(frames) < 2:
        return ""
    frame, line = frames[-1]
    return f" at {Path(frame.f_code.co_filename).name}:{line}"


class TokenCounter(BlockingActor):
    """Counts tokens with `count`, which may load a vocabulary for seconds; whoever asks sets the limit."""

    def __init__(self, count: Callable[[str, str], int]) -> None:
        super().__init__()
        self._count = count

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, CountTokens):
            return super().on_receive(message)
        try:
            return tuple(self._count(text, message.model) for text in message.texts)
        except Exception:
            raise
        except BaseException as error:
            # Pykka would end all its actors for it, the host's too.
            raise ActorFailed(f"counting tokens was ended by {error!r}") from error
