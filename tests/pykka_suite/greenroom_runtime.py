"""Copied into Pykka's own tests: the runtime there, and a stand-in for pytest-mock where it is missing."""

import importlib.util
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from tests.types import Runtime  # type: ignore[import-untyped,import-not-found,unused-ignore]

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.future import Future
from greenroom.actors.loop_actor import LoopActor


class SuiteActor(LoopActor):
    """As Pykka's users expect it: `start()` works, and it stands in the registry."""

    home = Dispatcher(name="pykka-suite")
    registered = True


SuiteActor.home.start()


@pytest.fixture(scope="session", params=["greenroom"])
def runtime() -> Runtime:
    return Runtime(
        name="greenroom",
        actor_class=SuiteActor,
        event_class=threading.Event,
        future_class=Future,
        sleep_func=time.sleep,
    )


if importlib.util.find_spec("pytest_mock") is None:

    class _Mocker:
        Mock = mock.Mock
        MagicMock = mock.MagicMock
        NonCallableMock = mock.NonCallableMock

        def __init__(self) -> None:
            self.started: list[Any] = []
            self.patch = self

        def object(self, *args: Any, **kwargs: Any) -> Any:
            patcher = mock.patch.object(*args, **kwargs)
            self.started.append(patcher)
            return patcher.start()

    @pytest.fixture
    def mocker() -> Iterator[_Mocker]:
        mocker = _Mocker()
        yield mocker
        for patcher in reversed(mocker.started):
            patcher.stop()
