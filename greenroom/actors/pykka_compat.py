"""The only place that knows Pykka's private names: the hooks "for implementors of new actor types".

`LoopActorHooks` turns them into calls on the incarnation (`incarnation.py`), `RefHooks` turns what
`pykka.ActorRef` keeps in attributes into properties of the cell. Pykka 5 removes these hooks, hence
`pykka<5`; `check_pykka` runs at import and says which of them is not as expected.
"""

from collections.abc import Callable
from importlib import metadata
from typing import Any, ClassVar, Protocol, TypeVar, cast

import pykka
from pykka import _envelope, messages

A = TypeVar("A", bound=pykka.Actor)

Envelope = _envelope.Envelope
ActorStop = messages._ActorStop  # noqa: SLF001
ProxyMessages = (messages.ProxyCall, messages.ProxyGetAttr, messages.ProxySetAttr)

_HOOKS = (
    "_create_actor_inbox",
    "_create_future",
    "_start_actor_loop",
    "_actor_loop_setup",
    "_actor_loop_running",
    "_handle_failure",
    "_handle_receive",
    "_stop",
)
_FIELDS = {"actor_urn", "actor_inbox", "actor_stopped", "_actor_ref"}


class PykkaChanged(ImportError):  # noqa: N818
    """The installed Pykka does not have the private names that the kernel stands on."""


class Life(Protocol):
    """What the hooks need of an incarnation; it is also the actor's `actor_stopped`."""

    cell: Any
    """The actor's inbox."""

    def set(self) -> None:
        """The actor takes no further message."""

    def is_set(self) -> bool:
        """True from the moment the actor began to end."""

    def find_handler(self, message: Any) -> Callable[[Any, Any], Any]:
        """The handler for a type of message that is not in the table."""

    def crashed(self, error: BaseException) -> bool:
        """A handler raised `error`. True: raise it again, for Pykka's loop to answer the asker with."""


class LoopActorHooks(pykka.Actor):
    """Pykka's loop and proxies, run by a cell in turns instead of by a thread."""

    handler_table: ClassVar[dict[type, Callable[[Any, Any], Any]]]
    new_future: ClassVar[Callable[[], pykka.Future[Any]]]
    registered: ClassVar[bool] = False
    """Stands in Pykka's process-wide registry while it lives. Off: a host's `stop_all()` must not end us."""

    clock: Any
    """The dispatcher's."""
    events: Any
    """Its sink."""
    _life: Life

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise NotImplementedError("a LoopActor's inbox is its cell")

    @classmethod
    def _create_future(cls) -> pykka.Future[Any]:
        return cls.new_future()

    def _start_actor_loop(self) -> None:
        raise NotImplementedError("a LoopActor is started by its dispatcher")

    def _handle_receive(self, message: Any) -> Any:
        try:
            handler = self.handler_table.get(type(message))
            if handler is None:
                handler = self._life.find_handler(message)
            return handler(self, message)
        except BaseException as error:
            if self._life.crashed(error):
                raise
            return None


def attach(actor: LoopActorHooks, life: Life, ref: pykka.ActorRef[Any]) -> None:
    """The actor is the one of this incarnation.

    In place of `pykka.Actor.__init__`: no uuid, no Event, no inbox.
    """
    actor._life = actor.actor_stopped = life  # type: ignore[assignment]  # noqa: SLF001
    actor._actor_ref = ref  # noqa: SLF001
    # Plain attributes, as Pykka's own, of what every message asks for.
    actor.actor_inbox = cell = life.cell
    actor.clock, actor.events = cell.home.clock, cell.home.events


def run_mail(actor: LoopActorHooks) -> None:
    """Pykka's own loop, until its inbox raises (no mail, no budget left) or the actor has stopped."""
    actor._actor_loop_running()  # noqa: SLF001


def log_failure(actor: LoopActorHooks, error: BaseException) -> None:
    """What Pykka does about a crash: logs it, unregisters and stops the actor."""
    actor._handle_failure(type(error), error, error.__traceback__)  # noqa: SLF001


def handle_proxy(actor: LoopActorHooks, message: Any) -> Any:
    """Pykka's own handling of what a proxy sends."""
    return pykka.Actor._handle_receive(actor, message)  # noqa: SLF001


def put_ask(ref: pykka.ActorRef[Any], message: Any, reply_to: Any) -> None:
    """Ask an actor of any runtime; `reply_to` is anything with `set` and `set_exception`."""
    ref.actor_inbox.put(Envelope(message, reply_to=reply_to))


class RefHooks(pykka.ActorRef[A]):
    """What Pykka's proxies read from a ref."""

    def find_actor(self) -> A | None:
        """The actor that lives behind the ref now."""
        raise NotImplementedError

    @property
    def _actor_weakref(self) -> Any:
        return self.find_actor

    @_actor_weakref.setter
    def _actor_weakref(self, _: Any) -> None:
        raise AttributeError("a Ref finds its actor through its cell")


def check_pykka(actor_class: Any = pykka.Actor, ref_class: Any = pykka.ActorRef) -> None:
    """Raises PykkaChanged, naming what is missing, unless Pykka has the hooks the kernel stands on."""
    wrong = [f"Actor.{name} is missing" for name in _HOOKS if not callable(getattr(actor_class, name, None))]
    slots = getattr(_envelope.Envelope, "__slots__", ())
    wrong += [f"Envelope.{name} is missing" for name in ("message", "reply_to") if name not in slots]
    if not wrong:
        wrong += _check_fields(actor_class, ref_class)
    if wrong:
        version = metadata.version("pykka")
        raise PykkaChanged(
            "greenroom runs on pykka>=4.4.2,<5, whose private hooks the installed one "
            f"({version} in {pykka.__file__}) does not have: {'; '.join(wrong)}"
        )


def _check_fields(actor_class: Any, ref_class: Any) -> list[str]:
    probe_class = type(
        "Probe",
        (actor_class,),
        {
            "_create_actor_inbox": staticmethod(lambda: None),
            "_create_future": staticmethod(pykka.Future),
            "_start_actor_loop": lambda _: None,
        },
    )
    probe = cast("Any", probe_class)()
    found = set(vars(probe))
    wrong = [f"Actor().{name} is missing" for name in sorted(_FIELDS - found)]
    wrong += [f"Actor().{name} is unknown to us" for name in sorted(found - _FIELDS)]
    if not wrong and "_actor_weakref" not in vars(ref_class(probe)):
        wrong.append("ActorRef()._actor_weakref is missing")
    return wrong


class BlockingActor(pykka.ThreadingActor):
    """An actor whose thread holds up no end of the process. Where no thread can be started, `start` raises
    RuntimeError, and nothing is left: Pykka's own would stay registered, and `ActorRegistry.stop_all` would wait
    for it for ever."""

    use_daemon_thread = True

    def _start_actor_loop(self) -> None:
        try:
            super()._start_actor_loop()
        except RuntimeError:
            pykka.ActorRegistry.unregister(self.actor_ref)
            raise


check_pykka()
