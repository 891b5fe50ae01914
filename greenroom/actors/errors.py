"""What the kernel raises. Each says what to do instead, where there is something."""

import pykka

from greenroom.messages.failures import StartedBeforeFork, SystemDown, SystemStopped, WouldDeadlock

__all__ = [
    "ActorDead",
    "ActorFailed",
    "AskTimeout",
    "DeathPact",
    "IgnoreStart",
    "StartedBeforeFork",
    "SystemDown",
    "SystemStopped",
    "UnhandledMessage",
    "WouldDeadlock",
]


class ActorDead(pykka.ActorDeadError):
    """The asked actor had ended, or ended before it came to the message."""


class ActorFailed(Exception):  # noqa: N818  (reads as what happened)
    """The asked actor was ended by its `__cause__`, which is no Exception (say, a CancelledError)."""


class DeathPact(Exception):  # noqa: N818
    """An actor that it watched has ended, and it has no handler for that Down: it ends too, as failed.

    Source: https://pekko.apache.org/docs/pekko/current/typed/actor-lifecycle.html#watching-actors
    """


class IgnoreStart(Exception):  # noqa: N818
    """Raised by an actor's constructor or on_start: it is not needed. It ends as `normal`, which is no failure.

    Source: `ignore` of https://www.erlang.org/doc/apps/stdlib/supervisor.html
    """


class UnhandledMessage(TypeError):  # noqa: N818
    """The asked actor has no handler for messages of this type. It lives on."""


class AskTimeout(pykka.Timeout, TimeoutError):  # noqa: N818
    """The answer did not come in time. It may still come, and is dropped then."""
