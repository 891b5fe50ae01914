"""Which method handles which type of message: a table per class, made when the class is."""

import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "receives_types"
_PLAIN = ("on_receive", "on_start", "on_stop", "on_failure", "on_shutdown")


def receives(*message_types: Any) -> Callable[[F], F]:
    """The method handles messages of these types and their subtypes; the nearest type wins.

    A union (`A | B`, also by its alias) stands for its members. Raises TypeError for anything that is no
    type.
    """
    kinds = tuple(_flat(message_types))

    def mark(method: F) -> F:
        setattr(method, _MARK, kinds)
        return method

    return mark


def handler_names(cls: type) -> dict[type, str]:
    """Message type -> name of the method, of the class and all its bases.

    Raises TypeError for two handlers of one type in one class, and for handlers that are coroutines or
    generators: called, these would do nothing.
    """
    names: dict[type, str] = {}
    for klass in reversed(cls.__mro__):
        here: dict[type, str] = {}
        for name, method in vars(klass).items():
            for kind in getattr(method, _MARK, ()):
                if here.setdefault(kind, name) != name:
                    raise TypeError(f"{klass.__name__}: {here[kind]} and {name} both receive {kind.__name__}")
        names.update(here)
    for name in {*names.values(), *_PLAIN}:
        _refuse_deferred(cls, name)
    return names


def nearest(table: dict[type, Any], message_type: type) -> Any:
    """The entry of the nearest base of that type; None without one."""
    return next((table[base] for base in message_type.__mro__ if base in table), None)


def _flat(kinds: Any) -> typing.Iterator[type]:
    for kind in kinds:
        if typing.get_origin(kind) in (typing.Union, types.UnionType):
            yield from _flat(typing.get_args(kind))
        elif typing.get_origin(kind) is typing.Annotated:
            yield from _flat(typing.get_args(kind)[:1])
        elif isinstance(kind, type):
            yield kind
        else:
            raise TypeError(f"@receives takes message types, not {kind!r}")


def _refuse_deferred(cls: type, name: str) -> None:
    method = getattr(cls, name, None)
    if (
        inspect.iscoroutinefunction(method)
        or inspect.isasyncgenfunction(method)
        or inspect.isgeneratorfunction(method)
    ):
        raise TypeError(
            f"{cls.__name__}.{name} is a coroutine or generator function; a handler must be a plain one: "
            "use self.run(coroutine, tag) in it, which reports by TaskDone"
        )
