"""The mailbox of one cell: a control lane and mail, filled by any thread, emptied in the dispatcher's turns.

Control is served before mail, and bounded because it is coalesced: of messages with one key (their type, or
their `coalesce_key`) only the newest waits. Mail keeps its sender's order. Mail that nobody can take yet (no
incarnation lives) is bounded by `bound`; what is admitted (`admit`) is always bounded by it and refused to
its sender; all other mail is bounded by its senders' protocols.
"""

from collections import deque
from collections.abc import Callable
from threading import RLock
from typing import Any, Protocol

from greenroom.actors.ids import bind_ids
from greenroom.messages.signals import Ids

LETTERS_PER_TURN = 32
_FEW = 16
"""As long as no more waits, the front of the list is the quickest place to take mail from."""
CONTROL_PER_TURN = 16
"""At most this much control before waiting mail gets its share of a turn."""


class Yield(BaseException):
    """Raised by `get` to leave Pykka's loop. A fresh one each time: a shared one would grow its traceback."""


class Letter:
    """A message with an address for the answer, or with ids. Without either the bare message is queued."""

    __slots__ = ("ids", "message", "reply_to")

    def __init__(self, message: Any, reply_to: Any = None, ids: Ids | None = None) -> None:
        self.message = message
        self.reply_to = reply_to
        self.ids = ids


class Wrapped:
    """A message with something the kernel has to settle before its handler runs."""

    __slots__ = ("message",)

    def __init__(self, message: Any) -> None:
        self.message = message


class Admitted(Wrapped):
    """A message that was counted against the bound, and is counted out when it is handled."""

    __slots__ = ()


def bare(item: Any) -> Any:
    """The message that the sender meant, out of its letter and wrapping."""
    message = item.message if type(item) is Letter else item
    return message.message if isinstance(message, Wrapped) else message


def is_admitted(item: Any) -> bool:
    """It was counted against the bound, and is to be counted out."""
    return type(item.message if type(item) is Letter else item) is Admitted


def control_key(message: Any) -> Any:
    """Of control messages with one key only the newest waits."""
    key = getattr(message, "coalesce_key", None)
    return type(message) if key is None else key


class Turn:
    """The turn that runs now.

    One per dispatcher; the watchdog reads `began_s` and `count` from its own thread.
    """

    __slots__ = (
        "began_s", "carrier", "control_left", "count", "deadline_s", "ids",
        "left", "letter", "report_slow", "running", "slow_s", "stopwatch",
    )  # fmt: skip

    def __init__(
        self, stopwatch: Callable[[], float], slow_s: float, report_slow: Callable[[Any, float], None]
    ) -> None:
        self.stopwatch = stopwatch
        self.slow_s = slow_s
        self.report_slow = report_slow
        self.carrier = Letter(None)
        self.letter = self.carrier
        self.running: Any = None
        self.ids: Ids | None = None
        self.count = 0
        self.left = self.control_left = 0
        self.began_s = self.deadline_s = 0.0

    def begin(self, cell: Any, slice_s: float) -> None:
        """The turn is the cell's."""
        self.running = cell
        self.left = LETTERS_PER_TURN
        self.control_left = CONTROL_PER_TURN
        self.count += 1
        self.began_s = now_s = self.stopwatch()
        self.deadline_s = now_s + slice_s

    def end(self) -> float:
        """Nobody's turn; nothing of the last message is held on to. Returns the time."""
        now_s = self.stopwatch()
        self._check_slow(now_s)
        self.running = None
        self.letter = self.carrier
        self.carrier.message = None
        self.ids = None
        return now_s

    def next(self) -> bool:
        """One message is over, the next begins. False: the budget of the turn is spent."""
        now_s = self.stopwatch()
        self._check_slow(now_s)
        if self.left <= 0 or now_s > self.deadline_s:
            return False
        self.count += 1
        self.began_s = now_s
        return True

    def _check_slow(self, now_s: float) -> None:
        if now_s - self.began_s > self.slow_s:
            self.report_slow(self.running, now_s - self.began_s)
            self.began_s = now_s

    def served(self) -> int:
        """How many messages this turn has begun to handle."""
        return LETTERS_PER_TURN - self.left

    def cut(self, cell: Any) -> None:
        """If the turn is the cell's, it serves no further message. Any thread."""
        if self.running is cell:
            self.deadline_s = float("-inf")

    def bind(self, ids: Ids | None) -> None:
        """These are the current ids of the turn."""
        if ids is not self.ids:
            self.ids = ids
            bind_ids(ids)


class Runner(Protocol):
    """The dispatcher, as a mailbox sees it."""

    lock: RLock
    turn: Turn

    def enqueue(self, cell: Any) -> None:
        """The cell has work: give it a turn. Any thread."""

    def bury(self, item: Any, to: Any, why: str) -> None:
        """The item reached nobody: an ask is answered with an error, anything else counted. Any thread."""


class Mailbox:
    """Lanes and the flag that says whether a turn is due.

    Lanes are made when first used: most cells are many.
    """

    __slots__ = (
        "admitted", "backlog", "bound", "closed", "control", "home", "idle", "mail", "scheduled", "waiting",
    )  # fmt: skip

    def __init__(self, home: Any, bound: int) -> None:
        self.home = home
        self.bound = bound
        self.mail: list[Any] | None = None
        """The newest mail. Any thread appends; only the dispatcher takes, from the front."""
        self.backlog: deque[Any] | None = None
        """Older mail, where more than a few waited: the front of a long list is slow to take from, and a deque
        of one's own costs every actor 0.7 KiB."""
        self.control: dict[Any, Any] | None = None
        self.admitted = 0
        self.scheduled = False
        self.closed = False
        """Nobody lives here, and nobody will."""
        self.waiting = True
        """No incarnation lives or is about to: mail waits, bounded, and no turn is asked for."""
        self.idle = False
        """Nobody lives here, and nobody is due: mail is buried as if it were closed, but it is not."""

    def put(self, letter: Any) -> None:
        """Pykka's way in: the letter is mail. Any thread."""
        self.post(letter if type(letter) is Letter else Letter(letter.message, letter.reply_to))

    def post(self, item: Any) -> None:
        """The item is mail, unless nobody lives here and the mailbox is full. Any thread; never raises."""
        mail = self.mail
        if mail is None:
            mail = self._open_mail()
        if self.waiting and self.depth() >= self.bound:
            if is_admitted(item):
                self.count_out()
            self.home.bury(item, self, "full")
            return
        mail.append(item)
        # Order matters: first the mail, then the flags. The turn clears `scheduled` before it looks at the
        # mail.
        if not self.scheduled and not self.waiting:
            self.scheduled = True
            self.home.enqueue(self)

    def post_control(self, item: Any, key: Any) -> None:
        """The item is in the control lane, in place of an older one with this key.

        Any thread; never raises.
        """
        with self.home.lock:
            if self.control is None:
                self.control = {}
            # Out and in again: a dict would keep the old one's place.
            replaced = self.control.pop(key, None)
            self.control[key] = item
        del replaced
        if not self.scheduled and not self.waiting:
            self.scheduled = True
            self.home.enqueue(self)

    def admit(self, message: Any, ids: Ids | None) -> bool:
        """False if `bound` admitted ones wait already, or nobody will come: not queued. Any thread."""
        with self.home.lock:
            full = self.waiting and self.depth() >= self.bound
            if self.closed or self.idle or full or self.admitted >= self.bound:
                return False
            self.admitted += 1
        item = Admitted(message)
        self.post(item if ids is None else Letter(item, None, ids))
        return True

    def count_out(self) -> None:
        """One admitted message is being handled, or was buried."""
        with self.home.lock:
            self.admitted -= 1

    def get(self) -> Letter:
        """The next letter of this turn. Raises Yield if there is none, or the turn's budget is spent.

        Written out, not in calls: this runs for every message of every actor.
        """
        mail, control, turn = self.mail, self.control, self.home.turn
        if not mail and not control and not self.backlog:
            raise Yield
        left = turn.left
        if left < LETTERS_PER_TURN:
            if not turn.next():
                raise Yield
        elif turn.deadline_s < turn.began_s:  # cut short before its first message
            raise Yield
        turn.left = left - 1
        try:
            if control and (turn.control_left > 0 or not (mail or self.backlog)):
                turn.control_left -= 1
                item = self.take_control()
            elif mail and len(mail) <= _FEW and self.backlog is None:
                item = mail.pop(0)
            else:
                item = self.take_mail()
        except LookupError:
            # The actor was given up, and another thread has buried what was here a moment ago.
            raise Yield from None
        if type(item) is Letter:
            letter = item
        else:
            letter = turn.carrier
            letter.message = item
        if letter.ids is not turn.ids:
            turn.bind(letter.ids)
        turn.letter = letter
        return letter

    def empty(self) -> bool:
        """True if neither lane holds anything."""
        return not self.mail and not self.control and not self.backlog

    def depth(self) -> int:
        """How much mail waits. Any thread; exact on the dispatcher's."""
        return len(self.mail or ()) + len(self.backlog or ())

    def take_control(self) -> Any:
        """The oldest item of the control lane. Any thread. Raises LookupError where there is none."""
        with self.home.lock:
            control = self.control
            if not control:
                raise LookupError("no control waits")
            return control.pop(next(iter(control)))

    def take_mail(self) -> Any:
        """The oldest mail. Dispatcher thread. Raises LookupError where there is none."""
        # The lock is for `take_surplus`, which another thread may be at.
        with self.home.lock:
            if self.backlog is None:
                mail = self.mail
                if mail is None or len(mail) <= _FEW:
                    return (mail or []).pop(0)
                # Copied and cut, not exchanged for a fresh list: another thread may be about to append to it.
                self.backlog = deque(mail[: (count := len(mail))])
                del mail[:count]
            item = self.backlog.popleft()
            if not self.backlog:
                self.backlog = None
            return item

    def take_surplus(self, keep: int) -> list[Any]:
        """All mail but the oldest `keep`, the newest first; it waits no more. Any thread."""
        surplus: list[Any] = []
        with self.home.lock:
            for lane in (self.mail, self.backlog):
                while lane and self.depth() > keep:
                    try:
                        # One by one: `get` may take from the front at the same time, without the lock.
                        surplus.append(lane.pop())
                    except LookupError:
                        break
            if not self.backlog:
                self.backlog = None
        return surplus

    def _open_mail(self) -> "list[Any]":
        # Invariant: a mailbox never changes its list; a thread may be about to append to it.
        with self.home.lock:
            if self.mail is None:
                self.mail = []
            return self.mail
