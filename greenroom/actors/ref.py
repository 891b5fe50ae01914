"""Where to send: a small value that holds its cell and outlives any incarnation in it.

Refs of one cell are equal. A ref keeps the cell (its path, its lanes), never the actor.
"""

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar, overload

import pykka
from pykka.messages import ProxyGetAttr

from greenroom.actors.errors import ActorDead
from greenroom.actors.future import Future, refuse_to_block
from greenroom.actors.ids import current_ids, with_ids
from greenroom.actors.mailbox import Letter, control_key
from greenroom.actors.pykka_compat import ActorStop, RefHooks
from greenroom.messages.signals import ExitReason, Ids

A = TypeVar("A", bound=pykka.Actor)

_INSTEAD = (
    "in an actor use self.ask(ref, message, timeout_s=..., tag=...), which answers by message; "
    "in a coroutine await ref.ask(message, block=False)"
)
_ids_now = current_ids.get


class Addressed(Protocol):
    """The cell, as its refs see it."""

    path: str
    kind: str
    incarnation: int

    def post(self, item: Any) -> None: ...
    def post_control(self, item: Any, key: Any) -> None: ...
    def admit(self, message: Any, ids: Ids | None) -> bool: ...
    def refuse(self, message: Any) -> None: ...
    def kill(self, reason: ExitReason) -> None: ...
    def is_alive(self) -> bool: ...
    def has_lived(self) -> bool: ...
    def actor_class(self) -> type[Any]: ...
    def actor(self) -> Any: ...
    def urn(self) -> str: ...
    def stopped_flag(self) -> Any: ...


class Ref(RefHooks[A]):
    """Sends to the actor that lives in a cell, whichever incarnation that is. Every method: any thread."""

    __slots__ = ("cell",)

    def __init__(self, cell: Any) -> None:
        self.cell: Addressed = cell

    @property
    def path(self) -> str:
        """Where the actor stands in the tree: `/requests/3f2a/stream`."""
        return self.cell.path

    @property
    def kind(self) -> str:
        """What sort of actor it is: `stream`."""
        return self.cell.kind

    def tell(self, message: Any, *, ids: Ids | None = None) -> None:
        """The message is mail, or a dead letter; never raises to the sender.

        `ids` are those of the message being handled, unless given.
        """
        ids = ids or _ids_now()
        self.cell.post(message if ids is None else Letter(message, None, ids))

    def tell_control(self, message: Any, *, ids: Ids | None = None) -> None:
        """The message waits in the control lane, before all mail; an older one with its key is dropped.

        The key is the message's `coalesce_key`, or its type.
        """
        ids = ids or _ids_now()
        item = message if ids is None else Letter(message, None, ids)
        self.cell.post_control(item, control_key(message))

    def admit(self, message: Any, *, ids: Ids | None = None) -> bool:
        """The message is mail; or False, not sent: too many admitted ones wait, or nobody will come."""
        ids = ids or _ids_now()
        if self.cell.admit(message, ids):
            return True
        with with_ids(ids):
            self.cell.refuse(message)
        return False

    @overload
    def ask(self, message: Any, *, block: Literal[False], timeout: float | None = None) -> Future[Any]: ...
    @overload
    def ask(self, message: Any, *, block: Literal[True], timeout: float | None = None) -> Any: ...
    @overload
    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any: ...

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """What the handler returned, or with `block=False` a Future of it.

        Raises:
            AskTimeout: no answer within `timeout` seconds.
            ActorDead: the actor has ended, or ended before it came to the message.
            WouldDeadlock: a blocking call on a dispatcher thread; nothing was sent.
            Exception: what the handler raised.
        """
        if not block:
            return self._ask(message)
        refuse_to_block(f"ask() of {self.path}", _INSTEAD)
        return self._ask(message).get(timeout=timeout)

    def _ask(self, message: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.cell.post(Letter(message, future, _ids_now()))
        return future

    @overload
    def stop(self, *, block: Literal[True], timeout: float | None = None) -> bool: ...
    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> Future[bool]: ...
    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | Future[bool]: ...

    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | Future[bool]:
        """The actor ends when it has handled the mail sent before: stop is mail. False: it was dead already.

        Raises AskTimeout, WouldDeadlock as `ask` does.
        """
        if block:
            refuse_to_block(f"stop() of {self.path}", "use stop(block=False), and watch the actor")
        asked = self._ask(ActorStop())
        stopped: Future[bool] = Future()
        stopped.after((asked,), lambda timeout: _was_alive(lambda: asked.get(timeout=timeout)))
        return stopped.get(timeout=timeout) if block else stopped

    def kill(self, reason: ExitReason = "killed") -> None:
        """The actor ends before its next message, wherever its mail stands; asks are answered, watchers told.

        No hook runs, except on_stop for the reason `shutdown`. If its handler does not come back, it is
        abandoned there and counted as a zombie.
        """
        self.cell.kill(reason)

    def proxy(self) -> pykka.ActorProxy[A]:
        """Pykka's proxy of the actor; waits until one that was just spawned has begun.

        Raises ActorDead, and WouldDeadlock where it would have to wait on a dispatcher thread.
        """
        if self.cell.incarnation and self.find_actor() is None and self.is_alive():
            self.ask(ProxyGetAttr(attr_path=("kind",)))
        return super().proxy()

    def is_alive(self) -> bool:
        """False once it has begun to end. True before its first incarnation: mail waits for that."""
        return self.cell.is_alive()

    def find_actor(self) -> A | None:
        actor: A | None = self.cell.actor()
        return actor

    @property
    def actor_class(self) -> type[A]:  # type: ignore[override]
        """The class of the present or last incarnation."""
        return self.cell.actor_class()

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """Pykka's identity for it, made when first asked for."""
        return self.cell.urn()

    @property
    def actor_inbox(self) -> Any:  # type: ignore[override]
        """The cell, which takes Pykka's envelopes."""
        return self.cell

    @property
    def actor_stopped(self) -> Any:  # type: ignore[override]
        """Like a `threading.Event`: is_set, set, wait."""
        return self.cell.stopped_flag()

    def __eq__(self, other: object) -> bool:
        return self.cell is other.cell if isinstance(other, Ref) else NotImplemented

    def __hash__(self) -> int:
        return hash(id(self.cell))

    def __str__(self) -> str:
        return f"{self.actor_class.__name__} ({self.actor_urn}) at {self.path}"


def _was_alive(get: Callable[[], Any]) -> bool:
    try:
        get()
    except pykka.ActorDeadError:
        return False
    return True


__all__ = ["ActorDead", "Addressed", "Ref"]
