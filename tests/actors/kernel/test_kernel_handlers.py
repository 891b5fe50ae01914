"""The table of handlers, made once a class; mistakes are found when the class is made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errors import UnhandledMessage
from greenroom.actors.handlers import receives
from greenroom.actors.loop_actor import LoopActor


@dataclass(frozen=True)
class Animal:
    name: str


class Dog(Animal):
    pass


class Puppy(Dog):
    pass


Either = int | str


class Zoo(LoopActor):
    @receives(Animal)
    def on_animal(self, message: Animal) -> str:
        return f"animal {message.name}"

    @receives(Dog)
    def on_dog(self, message: Dog) -> str:
        return f"dog {message.name}"

    @receives(Either, bytes)
    def on_either(self, message: Any) -> str:
        return f"{type(message).__name__}"


class PettingZoo(Zoo):
    def on_dog(self, message: Dog) -> str:
        return f"petted {message.name}"

    @receives(Puppy)
    def on_puppy(self, message: Puppy) -> str:
        return f"puppy {message.name}"


class Noisy:
    """A mixin that knows nothing of actors."""

    @receives(float)
    def on_float(self, message: float) -> str:
        return f"float {message}"


class NoisyZoo(Noisy, Zoo):
    pass


def test_the_nearest_type_wins_and_unions_stand_for_their_members(dispatcher: Dispatcher) -> None:
    zoo = dispatcher.spawn(Zoo)

    answers = [zoo.ask(message) for message in (Animal("a"), Dog("b"), Puppy("c"), 1, "s", b"b")]

    assert answers == ["animal a", "dog b", "dog c", "int", "str", "bytes"]


def test_a_subclass_overrides_a_handler_by_its_name_and_adds_its_own(dispatcher: Dispatcher) -> None:
    zoo = dispatcher.spawn(PettingZoo)

    assert [zoo.ask(m) for m in (Dog("b"), Puppy("c"), Animal("a"))] == ["petted b", "puppy c", "animal a"]
    assert dispatcher.spawn(Zoo).ask(Puppy("c")) == "dog c"


def test_handlers_may_come_from_a_mixin(dispatcher: Dispatcher) -> None:
    assert dispatcher.spawn(NoisyZoo).ask(1.5) == "float 1.5"


def test_a_type_without_handler_goes_to_an_overridden_on_receive(dispatcher: Dispatcher) -> None:
    class Old(Zoo):
        def on_receive(self, message: Any) -> Any:
            return ("old way", message)

    old = dispatcher.spawn(Old)

    assert old.ask({"command": 1}) == ("old way", {"command": 1})
    assert old.ask(1) == "int"


def test_an_unhandled_ask_gets_an_error_and_the_actor_lives_on(dispatcher: Dispatcher) -> None:
    zoo = dispatcher.spawn(Zoo)

    with pytest.raises(UnhandledMessage, match="no handler for dict"):
        zoo.ask({})

    assert zoo.ask(1) == "int"
    assert dispatcher.statistics().dead_letters == {"unhandled": 1}


def test_two_handlers_of_one_type_in_one_class_are_refused() -> None:
    with pytest.raises(TypeError, match="on_a and on_b both receive int"):

        class Twice(LoopActor):
            @receives(int)
            def on_a(self, message: int) -> None: ...

            @receives(int)
            def on_b(self, message: int) -> None: ...


def test_what_is_no_type_is_refused() -> None:
    with pytest.raises(TypeError, match="message types, not 'int'"):
        receives("int")


def test_coroutine_and_generator_handlers_are_refused_when_the_class_is_made() -> None:
    async def coroutine(self: Any, message: Any) -> None: ...

    async def stream(self: Any, message: Any) -> AsyncIterator[int]:
        yield 1

    def generator(self: Any, message: Any) -> Iterator[int]:
        yield 1

    for deferred in (coroutine, stream, generator):
        with pytest.raises(TypeError, match=r"use self\.run"):
            type("Deferred", (LoopActor,), {"on_int": receives(int)(deferred)})
        for hook in ("on_receive", "on_start", "on_stop", "on_failure"):
            with pytest.raises(TypeError, match=hook):
                type("Deferred", (LoopActor,), {hook: deferred})


def test_an_undecorated_coroutine_that_overrides_a_handler_is_refused() -> None:
    with pytest.raises(TypeError, match="on_dog"):

        class Late(Zoo):
            async def on_dog(self, message: Dog) -> None: ...  # type: ignore[override]


def test_kind_is_the_class_name_unless_given() -> None:
    class RateLimiter(LoopActor):
        pass

    class Named(RateLimiter):
        kind = "limiter"

    assert (RateLimiter.kind, Named.kind) == ("rate_limiter", "limiter")
