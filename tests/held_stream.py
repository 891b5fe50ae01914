"""A handle on a channel that the test fills, and a fake scope that notes what it is told."""

import threading
import time
from collections.abc import AsyncIterator
from typing import Any

from test_channel import END, channel

from greenroom.actors.channel import Channel
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.handle import Stream
from greenroom.actors.wakes import WakeHubs
from greenroom.messages.completion import Completion
from greenroom.messages.failures import ErrorEvidence, Failure

from request_path import WAIT_S

FAILURE = Failure(
    error_class="rate_limit",
    message="slow down",
    request_id="r",
    evidence=ErrorEvidence(kind="http", message="x"),
)
FAILED: Completion[Any] = END.model_copy(update={"outcome": "failed", "failure": FAILURE})
CANCELLED: Completion[Any] = END.model_copy(
    update={"outcome": "cancelled", "failure": Failure(error_class="cancelled", message="cancelled")}
)


class FakeScope:
    """Stands where the scope's ref does; a finaliser's note arrives here as a plain tell."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.changed = threading.Condition()

    def tell(self, message: Any) -> None:
        with self.changed:
            self.told.append(message)
            self.changed.notify_all()

    tell_control = tell

    def wait_for(self, *messages: Any) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.told == list(messages), WAIT_S), self.told


class Held:
    """A handle on a channel that the test fills."""

    def __init__(self, dispatcher: Dispatcher, made: Channel | None = None) -> None:
        self.channel = made or channel()
        self.scope = FakeScope()
        self.dispatcher = dispatcher
        scope: Any = self.scope
        self.stream: Any = Stream(("s", "r"), ("p", "m"), self.channel, scope, dispatcher, WakeHubs())

    def waited_for(self) -> None:
        """Somebody waits at the channel now."""
        give_up_at = time.monotonic() + WAIT_S
        while not (self.channel._waiters or self.channel._seats or self.channel._closers):
            assert time.monotonic() < give_up_at, "nobody came to wait"
            threading.Event().wait(0.001)


async def read(cursor: AsyncIterator[Any]) -> list[int]:
    """The numbers of all that is left."""
    return [delta.seq async for delta in cursor]


async def awaited(stream: Any) -> Any:
    return await stream
