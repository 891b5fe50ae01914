"""Homes of blocking work: actors with a thread of their own, asked by the others and never waited for."""

from collections.abc import Callable
from typing import Any

import pykka

from greenroom.messages.commands import CountTokens, GetKey

WAITING_MAX = 1024
"""As many questions wait for a blocking actor that does not answer; who would be the next need not ask."""


def is_choked(ref: pykka.ActorRef[Any]) -> bool:
    """True where so many wait that a further question is not worth its memory. Any thread."""
    return _waiting(ref.actor_inbox) >= WAITING_MAX


def _waiting(inbox: Any) -> int:
    # A ThreadingActor's inbox is a queue.Queue; Pykka's Protocol does not say so.
    count: int = inbox.qsize()
    return count


class KeyAsker(pykka.ThreadingActor):
    """Runs a provider's api_key callable, one call at a time. What it raises goes to the asker only.

    A call answers all that were asked before it began: behind a slow one no queue of calls grows.
    """

    use_daemon_thread = True

    def __init__(self, ask_user: Callable[[], str], provider: str) -> None:
        super().__init__()
        self._ask_user = ask_user
        self._provider = provider
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
        self._key = self._checked(self._ask_user())
        self._answered = asked_before
        return self._key

    def _checked(self, key: Any) -> str:
        if not isinstance(key, str) or not key:
            raise TypeError(
                f"api_key of provider {self._provider!r} returned {type(key).__name__}, not a key"
            )
        return key


class TokenCounter(pykka.ThreadingActor):
    """Counts tokens with `count`, which may load a vocabulary for seconds; whoever asks sets the limit."""

    use_daemon_thread = True

    def __init__(self, count: Callable[[str, str], int]) -> None:
        super().__init__()
        self._count = count

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, CountTokens):
            return super().on_receive(message)
        return tuple(self._count(text, message.model) for text in message.texts)
