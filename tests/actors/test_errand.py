"""Work done on the dispatcher thread for somebody who waits elsewhere: once, or not at all."""

import threading
from collections.abc import Iterator

import pytest

from greenroom.actors.dispatcher import Dispatcher
from greenroom.actors.errand import run_there
from greenroom.actors.errors import AskTimeout, SystemStopped

from request_path import WAIT_S


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    made = Dispatcher("errands")
    made.start()
    yield made
    made.stop()


def test_it_is_done_there_and_what_it_raises_is_raised_here(dispatcher: Dispatcher) -> None:
    assert run_there(dispatcher, threading.get_ident) == dispatcher.ident
    with pytest.raises(ZeroDivisionError):
        run_there(dispatcher, lambda: 1 // 0)


def test_on_the_thread_itself_it_is_done_at_once(dispatcher: Dispatcher) -> None:
    assert run_there(dispatcher, lambda: run_there(dispatcher, threading.get_ident)) == dispatcher.ident


def test_what_was_not_begun_in_time_is_never_done(dispatcher: Dispatcher) -> None:
    go, done = threading.Event(), []
    dispatcher.call(go.wait, WAIT_S)
    with pytest.raises(AskTimeout):
        run_there(dispatcher, lambda: done.append(1), wait_s=0.02)
    go.set()
    run_there(dispatcher, lambda: None)
    assert done == []


def test_what_was_begun_is_waited_for(dispatcher: Dispatcher) -> None:
    go = threading.Event()

    def slow() -> str:
        threading.Timer(0.7, go.set).start()
        assert go.wait(WAIT_S)
        return "done"

    assert run_there(dispatcher, slow, wait_s=0.5) == "done"


def test_a_dispatcher_that_is_down_says_so(dispatcher: Dispatcher) -> None:
    dispatcher.stop()
    with pytest.raises(SystemStopped):
        run_there(dispatcher, lambda: None)
