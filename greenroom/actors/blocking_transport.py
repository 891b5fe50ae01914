"""A Transport of blocking lines: a thread for each connection, all started and ended here."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from greenroom.actors.blocking_link import BlockingLink, Post
from greenroom.messages.contracts import BlockingLine


class BlockingTransport:
    """Implements messages.contracts.Transport. `post` is the dispatcher's `call`; None takes the running loop's.

    `zombie` is called, on the loop, for each thread that did not come back in time.
    """

    def __init__(
        self,
        new_line: Callable[[], BlockingLine],
        post: Post | None = None,
        zombie: Callable[[], None] = lambda: None,
    ) -> None:
        self._new_line, self._post, self._zombie = new_line, post, zombie
        self._links: set[BlockingLink] = set()

    async def connect(self, timeout_s: float) -> BlockingLink:
        """A fresh connection, with its thread. Raises TransportError within the time."""
        link = BlockingLink(self._new_line(), self._post or _post_to_running(), self._zombie, self._forget)
        self._links.add(link)
        await link.dial(timeout_s)
        return link

    def close(self) -> None:
        """There is nothing that links share. They live on."""

    def join(self, within_s: float) -> int:
        """Waits for the threads of links that were closed; how many are left, blocked, after this time. Not for
        the loop's thread, whose end this is behind."""
        give_up_s = time.monotonic() + within_s
        left = 0
        for link in list(self._links):
            left += not link.join(max(0.0, give_up_s - time.monotonic()))
        return left

    def _forget(self, link: BlockingLink) -> None:
        self._links.discard(link)


def _post_to_running() -> Post:
    loop = asyncio.get_running_loop()

    def post(fn: Callable[..., object], /, *args: Any) -> bool:
        try:
            loop.call_soon_threadsafe(fn, *args)
        except RuntimeError:
            return False  # it is closed
        return True

    return post
