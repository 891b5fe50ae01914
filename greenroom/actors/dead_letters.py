"""Where mail goes that reaches nobody: asks are answered with an error, tells are counted and reported."""

import logging
from collections import Counter
from threading import RLock
from typing import Any

from greenroom.actors.claims import Notice
from greenroom.actors.errors import ActorDead
from greenroom.actors.mailbox import Letter, bare
from greenroom.actors.pykka_compat import ActorStop
from greenroom.actors.reporter import Reporter
from greenroom.messages.events import DeadLetter

TELL_EVERY_S = 1.0
"""One letter a kind of actor, message and reason is told in this time; the next says how many were not."""
KINDS_MAX = 256

_GONE = ("dead", "stopped")
"""A message whose class says `late_is_fine` (a Cancel of what has ended) may meet these without a word."""

_log = logging.getLogger("greenroom.actors")


class DeadLetters:
    """Any thread. `counts` is by reason: dead, stopped, full, stale_epoch, unhandled."""

    def __init__(self, reporter: Reporter) -> None:
        self.counts: Counter[str] = Counter()
        self._reporter = reporter
        self._lock = RLock()
        self._told: dict[tuple[str, str, str], tuple[float, int]] = {}

    def bury(self, item: Any, to: Any, why: str, down: BaseException | None = None) -> None:
        """An ask is answered (with `down`, if the system is), a stop is answered as done, a tell counted."""
        message, reply_to = item, None
        if type(item) is Letter:
            message, reply_to = item.message, item.reply_to
        if reply_to is not None and why != "unhandled":
            self._answer(message, reply_to, to, why, down)
            return
        if isinstance(message, Notice) and why != "unhandled":
            if message.claim.ended_in is None:
                return
            why = "stale_epoch"
        kind = type(bare(message))
        if kind is not ActorStop and not (why in _GONE and getattr(kind, "late_is_fine", False)):
            self._count(kind.__name__, to, why)

    def _answer(self, message: Any, reply_to: Any, to: Any, why: str, down: BaseException | None) -> None:
        if type(message) is ActorStop and why == "stopped":
            reply_to.set(None)
        elif down is not None:
            reply_to.set_exception((type(down), type(down)(*down.args), None))
        else:
            told = "stopped before handling the message" if why == "stopped" else "not found"
            told = "has no room for the message" if why == "full" else told
            reply_to.set_exception((ActorDead, ActorDead(f"{to.ref} {told}"), None))

    def _count(self, message_type: str, to: Any, why: str) -> None:
        now_s = self._reporter.clock.now_s()
        key = (to.kind, message_type, why)
        with self._lock:
            self.counts[why] += 1
            told_s, suppressed = self._told.get(key, (float("-inf"), 0))
            if now_s - told_s < TELL_EVERY_S:
                self._told[key] = (told_s, suppressed + 1)
                return
            if len(self._told) >= KINDS_MAX:
                self._told.clear()
            self._told[key] = (now_s, 0)
        # What an incarnation had still asked for when it ended is no sign of a fault.
        level = logging.DEBUG if why == "stale_epoch" else logging.WARNING
        _log.log(level, "%s for %s: %s (%d before it not told)", message_type, to.path, why, suppressed)
        told_why = "dead" if why == "stopped" else why
        self._reporter.report(
            DeadLetter,
            actor=to.path,
            message_type=message_type,
            to=to.path,
            why=told_why,
            suppressed=suppressed,
        )
