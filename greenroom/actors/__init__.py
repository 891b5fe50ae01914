"""WHO LIVES AND WAITS: the runtime on Pykka, and the actors of a request. `testkit` is for users' tests."""

from greenroom.actors.clock import ManualClock, SystemClock
from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import (
    ActorDead,
    ActorFailed,
    AskTimeout,
    DeathPact,
    IgnoreStart,
    UnhandledMessage,
)
from greenroom.actors.future import Future
from greenroom.actors.handlers import receives
from greenroom.actors.ids import with_ids
from greenroom.actors.loop_actor import LoopActor
from greenroom.actors.ref import Ref

__all__ = [
    "ActorDead",
    "ActorFailed",
    "AskTimeout",
    "DeathPact",
    "Dispatcher",
    "Future",
    "IgnoreStart",
    "LoopActor",
    "ManualClock",
    "Ref",
    "SystemClock",
    "UnhandledMessage",
    "receives",
    "with_ids",
]
