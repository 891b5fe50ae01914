"""Work that has to be done on the dispatcher thread, for a caller in any other who waits until it is done."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from greenroom.actors.errors import AskTimeout
from greenroom.actors.future import Future

if TYPE_CHECKING:
    from greenroom.actors.dispatcher import Dispatcher

R = TypeVar("R")

WAIT_S = 5.0
"""A dispatcher that does not come to it within this time hangs in a handler."""


def run_there(dispatcher: "Dispatcher", work: Callable[[], R], wait_s: float = WAIT_S) -> R:
    """What `work()` returns or raises, run on the dispatcher's thread; here and now, if that is this one.

    Raises SystemDown, and AskTimeout where the work was not begun in time; then it never is.
    """
    if dispatcher.in_thread():
        return work()
    done: Future[R] = Future()
    # Popped once: by who begins the work, or by who gives it up, whichever is first.
    token = [None]

    def run() -> None:
        try:
            token.pop()
        except IndexError:
            return
        try:
            done.set(work())
        except BaseException as error:  # noqa: BLE001  (it is the caller's)
            done.set_exception(error)

    if not dispatcher.call(run):
        down = dispatcher.down
        assert down is not None
        raise type(down)(*down.args)
    try:
        return done.get(timeout=wait_s)
    except AskTimeout:
        try:
            token.pop()
        except IndexError:
            return done.get()
        raise
