"""The way of a request's deltas from the dispatcher to whoever reads them, in any thread or loop.

Rules:
- One producer (the request's gate, dispatcher thread), any number of readers. Order is kept; each delta is
  taken once; after the end nothing is pushed.
- Two queues: `back` is filled under the lock; `front` belongs to the readers, who refill it when it is empty
  and pop from it without the lock (deque.popleft is atomic).
- From `high_watermark_items` on, adjacent text of one block is merged without loss. At the byte cap the
  channel is full: the stream stops reading its socket until `demand` is called. Before the first reader,
  and while somebody waits for the whole result, nothing is full: max_output_bytes bounds it then.
- A waiter is woken once and looks again; giving up waiting loses nothing. A seat gets its delta in the order
  of the seats, paired with it under the lock; one whose future was dropped is passed over.
- One thread at a time gives to seats (`_serving`); one that finds another at it leaves its seats to that one.
  A future may be dropped between its pairing and its delta; until that has come back nobody is given a later.
- The lock is re-entrant: a coroutine or future collected inside of it may give up its place here.
- Who is told of an end or a delta may run a host's callback. What that raises is logged, whatever it is: it
  reaches neither the producer nor the others that are to be told.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from greenroom.actors.merging import OVERHEAD_BYTES, Merge, begin_of, mergeable
from greenroom.messages.completion import Completion
from greenroom.messages.deltas import Delta
from greenroom.messages.options import StreamingOptions

_log = logging.getLogger("greenroom.actors")


class Nothing(Enum):
    """What `take` says where there is no delta."""

    YET = "empty"
    MORE = "ended"


class Waiter(Protocol):
    def wake(self) -> None: ...


class Seat(Protocol):
    """A place in the queue of those who want one delta each."""

    def wanted(self) -> bool:
        """False: nobody is there any more to take the delta."""

    def hold(self) -> bool:
        """As `wanted`, and where it is, it stays so: `give` follows."""

    def give(self, item: Delta | Nothing) -> None: ...


_NOBODY: list[Any] = []
_NO_SEATS: deque[Seat] = deque()
"""Empty for ever: an empty deque of one's own costs 0.7 KiB a stream, and few have a seat."""


class Channel:
    """See the module's rules. Built in the caller's thread, before its request is admitted."""

    __slots__ = (
        "_back", "_back_bytes", "_cap_bytes", "_closers", "_end", "_front", "_full", "_lock", "_readers",
        "_result_waiters", "_seats", "_serving", "_waiters", "_watermark", "demand", "generation", "reads",
        "started_reading",
    )  # fmt: skip

    def __init__(self, options: StreamingOptions) -> None:
        self._lock = threading.RLock()
        self._front: deque[Delta | Merge] = deque()
        self._back: list[Delta | Merge] = []
        self._back_bytes = 0
        # Half for each queue, so that both together hold what the option says.
        self._cap_bytes = options.max_buffer_bytes // 2
        self._watermark = options.high_watermark_items
        self._waiters: list[Waiter] = []
        self._seats = _NO_SEATS
        self._serving: Any = None
        """The RLock of who gives to seats; there from the first seat on."""
        self._closers: tuple[Callable[[Completion], None], ...] = ()
        self._end: Completion | None = None
        self._full = False
        self.generation = 0
        """How many channels the request had before this one: each attach makes another."""
        self._readers = self._result_waiters = 0
        self.started_reading = False
        self.reads = 0
        """Deltas taken so far: tells a slow reader from one that does not read."""
        self.demand: Callable[[], None] = _nobody
        """Called from a reader's thread when a full channel was emptied. Must not block."""

    # ---- producer: dispatcher thread

    def push(self, deltas: list[Delta], content_bytes: int) -> bool:
        """Append deltas with that much content; serve and wake who waits. Never blocks for long.

        True: the channel is full now.
        """
        emptied, served, waiter = False, _NOBODY, None
        with self._lock:
            back = self._back
            if len(back) + len(deltas) <= self._watermark:
                back.extend(deltas)
            else:
                for delta in deltas:
                    self._append(delta)
            self._back_bytes += content_bytes + OVERHEAD_BYTES * len(deltas)
            if self._back_bytes >= self._cap_bytes and self._metered():
                self._full = True
            if self._seats:
                emptied, served = self._serve_seats()
                woken = self._take_waiters()
            elif self._waiters:
                # Nearly always there is one, and it is woken by the first delta.
                waiter = self._waiters.pop(0)
                woken = self._take_waiters(1) if self._waiters else _NOBODY
            else:
                return self._full
        if waiter is not None:
            _safely(waiter.wake)
        if served or woken or emptied:
            self._tell(served, woken, emptied)
        return self._full

    def close(self, completion: Completion, *, anew: bool = False) -> bool:
        """The one end. What was pushed before can still be read. False: it had one, and this is not `anew`."""
        with self._lock:
            if self._end is not None and not anew:
                return False
            self._end = completion
            self._full = False
            _, served = self._serve_seats()
            woken, closers = self._take_waiters(), self._closers
            self._closers = ()
        self._tell(served, woken, emptied=False)
        for closer in closers:
            _safely(closer, completion)
        return True

    def sever(self, completion: Completion) -> int | None:
        """Its readers are cut off with this end, also where it had another. The seq of the first delta that
        none of them had taken, None where there was none: the journal has them all. Nothing is pushed later.
        """
        with self._lock:
            # A swap: what a reader without the lock takes from now on, it takes from the new one.
            unread, self._front = self._front, deque()
            unread.extend(self._back)
            self._back.clear()
            self._back_bytes = 0
            self._end = completion  # here: who finds nothing left must not meet the former end
        Channel.close(self, completion, anew=True)
        return begin_of(unread[0]) if unread else None

    @property
    def full(self) -> bool:
        return self._full

    @property
    def buffered_bytes(self) -> int:
        return self._back_bytes

    # ---- readers: any thread

    def take(self) -> Delta | Nothing:
        """The next delta, `Nothing.YET` where none has come, `Nothing.MORE` after the end."""
        # Looked at first: an exception for each delta would cost more than all the rest.
        if self._front:
            try:
                item = self._front.popleft()
            except IndexError:
                return self._take_from_back()
            self.reads += 1
            return item.delta() if isinstance(item, Merge) else item
        if self._back or self._end is not None:
            return self._take_from_back()
        return Nothing.YET

    def untake(self, delta: Delta) -> None:
        """Gives back the delta taken last: its reader was cancelled before it could use it."""
        self._front.appendleft(delta)
        self.stir()

    def leave(self, delta: Delta) -> None:
        """As `untake`, for finalisers: takes no lock, and wakes nobody; `stir` is to follow from elsewhere.

        Behind what was left before it and is older, in whatever order finalisers run.
        """
        front, place = self._front, 0
        try:
            # A Merge has never been taken, so all that follows it is newer.
            while not isinstance(older := front[place], Merge) and older.seq < delta.seq:
                place += 1
        except IndexError:
            pass
        front.insert(place, delta)

    def stir(self) -> None:
        """Serve and wake who waits, if there is something: a delta may have been left."""
        with self._lock:
            emptied, served = self._serve_seats()
            woken = self._take_waiters()
        self._tell(served, woken, emptied)

    def wait(self, waiter: Waiter) -> bool:
        """`waiter` will be woken when there is something to take. False: there is already."""
        with self._lock:
            if self._front or self._back or self._end is not None:
                return False
            if waiter not in self._waiters:
                self._waiters.append(waiter)
            return True

    def forget(self, waiter: Waiter) -> None:
        """The waiter gave up. If it had just been woken, the next in line is woken in its place."""
        successor = None
        with self._lock:
            try:
                self._waiters.remove(waiter)
            except ValueError:
                if self._waiters and (self._front or self._back):
                    successor = self._waiters.pop(0)
        if successor is not None:
            successor.wake()

    def sit(self, seat: Seat) -> None:
        """The seat gets the next delta after those of the seats before it, or `MORE` at the end."""
        with self._lock:
            self.started_reading = True
            while self._seats and not self._seats[0].wanted():
                self._seats.popleft()
            if self._seats is _NO_SEATS:
                self._seats, self._serving = deque(), threading.RLock()
            self._seats.append(seat)
            emptied, served = self._serve_seats()
        self._tell(served, [], emptied)

    def stand_up(self, seat: Seat) -> None:
        """The seat wants nothing any more. Of no effect where it has been served."""
        with self._lock:
            if seat in self._seats:
                self._seats.remove(seat)

    def on_end(self, told: Callable[[Completion], None]) -> None:
        """`told(completion)` once at the end, in the thread that ends it; at once where it has ended."""
        with self._lock:
            if self._end is None:
                self._closers += (told,)
                return
            end = self._end
        told(end)

    def off_end(self, told: Callable[[Completion], None]) -> None:
        """`told` is no longer wanted."""
        with self._lock:
            self._closers = tuple(closer for closer in self._closers if closer != told)

    @property
    def end(self) -> Completion | None:
        return self._end

    # ---- who reads: decides what counts as full

    def reader_opened(self) -> None:
        with self._lock:
            self._readers += 1
            self.started_reading = True

    def reader_closed(self) -> bool:
        """True where it was the last one and nobody waits for anything: the stream is abandoned."""
        with self._lock:
            self._readers -= 1
            waited_for = self._waiters or self._result_waiters or any(seat.wanted() for seat in self._seats)
            return self._readers <= 0 and not waited_for and self._end is None

    def result_awaited(self) -> None:
        """Somebody waits for the whole answer: nothing pauses until `result_left`."""
        with self._lock:
            self._result_waiters += 1
            was_full, self._full = self._full, False
        if was_full:
            self.demand()

    def result_left(self) -> None:
        with self._lock:
            self._result_waiters -= 1

    # ---- inside; under the lock, all but the last two

    def _append(self, delta: Delta) -> None:
        if len(self._back) >= self._watermark:
            last = self._back[-1]
            if isinstance(last, Merge):
                if last.takes(delta):
                    return
            elif mergeable(last, delta):
                self._back[-1] = Merge(last, delta)
                return
        self._back.append(delta)

    def _metered(self) -> bool:
        return self.started_reading and not self._result_waiters

    def _refill(self) -> bool:
        """Everything stands in `front`. True where the channel had been full: then `demand` is due."""
        # Not a swap of the two: another reader may hold `front` between look and pop.
        self._front.extend(self._back)
        self._back.clear()
        self._back_bytes = 0
        was_full, self._full = self._full, False
        return was_full

    def _serve_seats(self) -> tuple[bool, list[tuple[Seat, Delta | Nothing]]]:
        """Seats paired with what there is for them, and whether `demand` is due. With some, `_tell` must follow:
        it lets `_serving` go.
        """
        emptied = False
        served: list[tuple[Seat, Delta | Nothing]] = []
        if not self._seats or not self._serving.acquire(blocking=False):
            return False, served
        while self._seats:
            if not self._front and self._back:
                emptied = self._refill() or emptied
            if not self._front and self._end is None:
                break
            seat = self._seats.popleft()
            if not seat.hold():
                continue
            item = self._pop()
            if item is Nothing.YET:  # a reader without the lock was faster
                self._seats.appendleft(seat)
            else:
                served.append((seat, item))
        if not served:
            self._serving.release()
        return emptied, served

    def _pop(self) -> Delta | Nothing:
        try:
            item = self._front.popleft()
        except IndexError:
            # A reader without the lock may have been faster: then the end is not reached while `back` holds.
            return Nothing.YET if self._end is None or self._back else Nothing.MORE
        self.reads += 1
        return item.delta() if isinstance(item, Merge) else item

    def _take_waiters(self, taken: int = 0) -> list[Waiter]:
        """As many waiters as there are items less `taken`, in their order; all at the end."""
        items = len(self._front) + len(self._back) - taken
        woken: list[Waiter] = []
        while self._waiters and (self._end is not None or len(woken) < items):
            woken.append(self._waiters.pop(0))
        return woken

    def _take_from_back(self) -> Delta | Nothing:
        with self._lock:
            back = self._back
            if len(back) == 1 and not self._front and not self._full:
                # A reader that keeps up: what came is handed on as it is.
                self._back_bytes = 0
                self.reads += 1
                item = back.pop()
                return item.delta() if isinstance(item, Merge) else item
            emptied = self._refill() if back and not self._front else False
            taken = self._pop()
        if emptied:
            self.demand()
        return taken

    def _tell(self, served: list[tuple[Seat, Delta | Nothing]], woken: list[Waiter], emptied: bool) -> None:
        while served:
            try:
                while served:
                    seat, item = served.pop(0)
                    _safely(seat.give, item)
            finally:
                self._serving.release()
            # Who came meanwhile left its seat to us.
            with self._lock:
                further, served = self._serve_seats()
            emptied = emptied or further
        for waiter in woken:
            _safely(waiter.wake)
        if emptied:
            self.demand()


def _safely(tell: Callable[..., object], *args: Any) -> None:
    try:
        tell(*args)
    except BaseException:  # noqa: BLE001  (a CancelledError of a host's callback, say: see the rules)
        _log.exception("What was told of a stream failed: %r", tell)


def _nobody() -> None:
    """Before the request is admitted there is no socket to read."""
