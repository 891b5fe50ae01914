"""`LoopActor`: an actor of Pykka's model that costs a few objects instead of a thread.

Subclass it, mark handlers with `@receives(Type)`, start it with `dispatcher.spawn` or `self.spawn`. The
constructor, handlers and hooks run on the dispatcher thread, one at a time: they must not block. Every method
here is for handlers and hooks, on that thread.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import pykka

from greenroom.actors.claims import Ask, Deferred, Hold, Notice, Running, Timer, Watch
from greenroom.actors.errors import ActorDead, UnhandledMessage
from greenroom.actors.future import Future
from greenroom.actors.handlers import handler_names
from greenroom.actors.incarnation import Birth, Incarnation
from greenroom.actors.mailbox import Admitted, Letter
from greenroom.actors.pykka_compat import (
    ActorStop,
    LoopActorHooks,
    ProxyMessages,
    attach,
    handle_proxy,
    put_ask,
)
from greenroom.actors.ref import Ref
from greenroom.messages.signals import ExitReason, ShutDown, TaskDone

V = TypeVar("V")
A = TypeVar("A", bound="LoopActor")


class _View(Generic[V]):
    """A computed attribute that a subclass's own attribute of that name may hide; a property may not be."""

    def __init__(self, read: Callable[[Any], V]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __get__(self, actor: Any, owner: Any = None) -> V:
        return cast("V", self) if actor is None else self._read(actor)


class LoopActor(LoopActorHooks):
    """An actor that a dispatcher runs in turns."""

    kind: ClassVar[str] = "actor"
    """What sort of actor it is, for paths and events; the class's name in snake case unless given."""
    mailbox_bound: ClassVar[int] = 1024
    """Of admitted messages, and of mail that waits for an incarnation."""
    expected_errors: ClassVar[tuple[type[Exception], ...]] = ()
    """Errors that a handler answers an ask with and lives on; any other error ends the actor too."""
    home: ClassVar[Any] = None
    """The dispatcher for Pykka's own `start()`; `spawn` does not need it."""
    new_future = Future
    _life: Incarnation

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" not in vars(cls):
            cls.kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        names = handler_names(cls)
        cls.handler_table = {**_KERNEL, **{kind: getattr(cls, name) for kind, name in names.items()}}

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        # An instance that was not made by a dispatcher: Pykka's `start()`, or a bare constructor call.
        if not hasattr(self, "_life"):
            self._draft()

    def _draft(self) -> None:
        home = type(self).home
        if home is None:
            raise RuntimeError(
                f"{type(self).__name__} needs a dispatcher: use dispatcher.spawn or self.spawn; "
                "for Pykka's start(), set the class attribute `home`"
            )
        birth = Birth(type(self), (), {}, None)
        birth.actor = self
        cell = home.make_cell(type(self), f"/{type(self).kind}")
        cell.expect(birth)
        attach(self, birth.life, birth.life.ref)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref[Self]:
        """Pykka's way: the constructor runs here, and its error is raised here. Any thread."""
        actor = cls.__new__(cls)
        actor._draft()  # noqa: SLF001
        actor.__init__(*args, **kwargs)  # type: ignore[misc]
        if cls.registered:
            pykka.ActorRegistry.register(actor.actor_ref)
        actor._life.cell.launch()  # noqa: SLF001
        return actor.actor_ref

    # -- who and where --------------------------------------------------------------------------------

    @property
    def actor_ref(self) -> Ref[Self]:
        """Pykka's name for `ref`."""
        return self._actor_ref  # type: ignore[return-value]

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """Pykka's identity, a uuid4."""
        return self.actor_ref.actor_urn

    actor_inbox: Any
    """The cell."""
    actor_stopped: Any
    """Like a threading.Event; set from the moment the actor began to end."""

    ref = _View[Ref[Any]](lambda self: self._actor_ref)
    path = _View[str](lambda self: self._life.cell.path)
    incarnation = _View[int](lambda self: self._life.number)
    cell = _View[Any](lambda self: self._life.cell)
    dispatcher = _View[Any](lambda self: self._life.home)

    def __str__(self) -> str:
        return str(self.actor_ref)

    # -- the tree -------------------------------------------------------------------------------------

    def spawn(
        self, cls: type[A], *args: Any, name: str | None = None, cell: Any = None, **kwargs: Any
    ) -> Ref[A]:
        """A child at `self.path/name`, or in `cell`: it ends with this actor; a Down comes when it ends."""
        if cell is None:
            cell = self._life.home.make_cell(cls, f"{self._life.cell.path}/{name or cls.kind}")
        return cast("Ref[A]", self._bear(Birth(cls, args, kwargs, self._life), cell))

    def spawn_announced(self, cls: type[A], args: Any, kwargs: Any, cell: Any) -> Ref[A]:
        """As `spawn`, in a cell; and a Started comes when its start is over, before any Down."""
        birth = Birth(cls, args, kwargs, self._life)
        birth.announce = True
        return cast("Ref[A]", self._bear(birth, cell))

    def _bear(self, birth: Birth, cell: Any) -> Ref[Any]:
        life = self._life
        if life.ended:
            raise ActorDead(f"{self} has ended and spawns no more")
        cell.expect(birth)
        if life.children is None:
            life.children = {}
        life.children.pop(cell, None)
        life.children[cell] = birth.life.number
        self._watch(cell, birth.life.number, through_restarts=False)
        cell.launch()
        return cast("Ref[Any]", birth.life.ref)

    def hold(self, cell: Any) -> Hold:
        """The held cell is closed when this actor ends, however it does; `.settle()` takes that back."""
        return Hold(self._life, cell)

    def start_later(self) -> None:
        """For `on_start`: the start is over when `started` is called, not when this hook returns."""
        if self._life.announcing:
            self._life.announcing = None

    def started(self) -> None:
        """The start that `start_later` drew out is over: the parent is told. Idempotent."""
        self._life.announce()

    def watch(self, ref: Ref[Any], *, through_restarts: bool = False) -> None:
        """One Down comes as mail when the actor there ends; at once if it is dead. Without a handler for it this
        actor ends too (DeathPact).

        Watching twice is watching once. With `through_restarts` it comes when no incarnation will follow.
        """
        present = (self._life.watches or {}).get(ref.cell)
        if present is None or present.fired:
            self._watch(ref.cell, 0, through_restarts=through_restarts)

    def _watch(self, cell: Any, since: int, *, through_restarts: bool) -> None:
        life = self._life
        watch = Watch(life, cell, since, through_restarts=through_restarts)
        if life.watches is None:
            life.watches = {}
        life.watches[cell] = watch
        watch.at_target(cell.add_watch)

    def unwatch(self, ref: Ref[Any]) -> None:
        """No Down comes, even if it is queued."""
        life = self._life
        if life.watches is None or life.watches.pop(ref.cell, None) is None:
            return
        for claim in tuple(life.claims or ()):
            if type(claim) is Watch and claim.target is ref.cell:
                claim.settle()
                claim.drop()

    def exit(self, reason: ExitReason = "normal", error: BaseException | None = None) -> None:
        """The actor ends when this handler returns; mail that waits is not handled."""
        self._life.exit(reason, error)

    def stop(self) -> None:
        """The actor ends when it has handled the mail that waits now."""
        life = self._life
        if life.home.turn.running is life.cell and life.cell.empty():
            # In its own turn, and nothing would come before a letter to itself.
            life.exit("normal", None)
        else:
            self.actor_ref.tell(ActorStop())

    # -- what comes back as a message -----------------------------------------------------------------

    def timer(self, delay_s: float, message: Any, *, control: bool = False, key: Any = None) -> Timer:
        """`message` comes in `delay_s` seconds, unless `.cancel()` is called or the actor ends.

        A timer with a `key` takes the place of the one that has it.
        """
        life = self._life
        timer = Timer(life, life.home.clock.now_s() + delay_s, message)
        timer.control = control
        if key is not None:
            if life.keyed is None:
                life.keyed = {}
            older = life.keyed.get(key)
            if older is not None:
                older.cancel()
            life.keyed[key] = timer
            timer.key = key
        life.home.start_timer(timer)
        return timer

    def cancel_timer(self, key: Any) -> None:
        """No message of the timer with that key comes, if there is one."""
        timer = (self._life.keyed or {}).get(key)
        if timer is not None:
            timer.cancel()

    def ask(self, ref: pykka.ActorRef[Any], message: Any, *, timeout_s: float, tag: Any = None) -> None:
        """Reply(tag, value) or AskFailed(tag, error) comes as mail. Asks actors of any runtime."""
        life = self._life
        ask = Ask(life, tag)
        if not isinstance(ref, Ref) and not ref.is_alive():
            ask.set_exception(pykka.ActorDeadError(f"{ref} not found"))
            return
        ask.timer = Timer(life, life.home.clock.now_s() + timeout_s, ask.timed_out(timeout_s), of=ask)
        life.home.start_timer(ask.timer)
        if isinstance(ref, Ref):
            ref.cell.post(Letter(message, ask, ask.ids))
        else:
            put_ask(ref, message, ask)

    def defer(self) -> Deferred:
        """The answer to the present ask is given later, by `.set(value)` or `.set_exception(error)`.

        What this handler returns is ignored then. If the actor ends first, the asker gets ActorDead.
        """
        letter = self._life.home.turn.letter
        reply_to, letter.reply_to = letter.reply_to, None
        return Deferred(self._life, reply_to)

    def run(self, coroutine: Coroutine[Any, Any, Any], tag: Any = None) -> None:
        """The coroutine runs as a task of the dispatcher's loop; TaskDone(tag, ...) comes as mail.

        It is cancelled when the actor ends. An error that no handler takes ends the actor.
        """
        life = self._life
        if life.ended:
            coroutine.close()
            return
        running = Running(life, tag, coroutine)
        running.task = life.home.start_task(_contain(coroutine), f"{life.cell.path}: {tag}")
        running.task.add_done_callback(running.done)

    # -- hooks ----------------------------------------------------------------------------------------

    def on_shutdown(self) -> None:
        """The supervisor wants this actor down. Unless overridden it ends at once, as `shutdown`.

        One that needs time (to flush, to let children end) begins that here and calls `self.exit("shutdown")`
        later; behind its spec's `shutdown_s` it is killed.
        """
        self.exit("shutdown")

    def on_receive(self, message: Any) -> Any:
        """What no handler takes. Unless overridden: a dead letter, and an error for the asker. The Down of a
        child that ended as normal or shutdown is none.
        """
        if isinstance(message, TaskDone) and message.error is not None:
            raise message.error
        raise UnhandledMessage(f"{self} has no handler for {type(message).__name__}")


async def _contain(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await coroutine
    except (KeyboardInterrupt, SystemExit) as error:
        # asyncio would end the whole loop for it.
        raise RuntimeError(f"a task was ended by {error!r}") from error


_KERNEL: dict[type, Callable[[Any, Any], Any]] = {
    ActorStop: lambda actor, _: actor.actor_stopped.stop(),
    ShutDown: lambda actor, order: actor.actor_stopped.receive_shut_down(order),
    Notice: lambda actor, notice: actor.actor_stopped.receive_notice(notice),
    Admitted: lambda actor, admitted: actor.actor_stopped.receive_admitted(admitted),
    **dict.fromkeys(ProxyMessages, handle_proxy),
}
LoopActor.handler_table = dict(_KERNEL)
