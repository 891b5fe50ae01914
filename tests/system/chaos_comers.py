"""For `test_chaos.py`: consumers that go and come back, and actors of a service that are told a stream."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from chaos_monkey import GRACE_S, OPTIONS, Consumers, Reading

from greenroom import DeltaBatch, Stream, StreamDetached, UnknownStream

from batch_taker import ThreadTaker


class Comers(Consumers):
    """As the base, and more ways to read."""

    def ways(self) -> list[Callable[[Stream[Any], random.Random], None]]:
        return [*super().ways(), self._come_back, self._cut_off, self._told]

    def _come_back(self, stream: Stream[Any], luck: random.Random) -> None:
        """Reads some, leaves, comes back behind what it saw, or says that it saw less."""
        reading, whole = Reading(self.ledger, stream), False
        try:
            while not whole:
                cursor = iter(stream)
                whole = self._some(cursor, reading, luck.randrange(25))
                if not whole:
                    stream.detach()
                    self._must_be_cut_off(cursor, stream)
                    del cursor
                    if luck.random() < 0.1:
                        return
                    time.sleep(luck.random() * 0.02)
                    reading.back(luck)
                    stream = self.system.attach(stream.stream_id, after_seq=reading.seq)
        except UnknownStream:
            # It came too late, which the machine can do to anybody.
            pass
        finally:
            reading.over(whole=whole)

    @staticmethod
    def _some(cursor: Any, reading: Reading, count: int) -> bool:
        """True: it was all there was."""
        for _ in range(count):
            delta = next(cursor, None)
            if delta is None:
                return True
            reading.take(delta)
        return False

    def _must_be_cut_off(self, cursor: Any, stream: Stream[Any]) -> None:
        try:
            got = next(cursor, None)
        except StreamDetached:
            return
        self.ledger.wrong.append(f"{stream.stream_id}: a detached cursor gave {got!r}")

    def _cut_off(self, stream: Stream[Any], luck: random.Random) -> None:
        """Another thread detaches what this one reads: what it had taken, and what comes after, is all."""
        reading, whole = Reading(self.ledger, stream), False
        try:
            while not whole:
                timer = threading.Timer(luck.random() * 0.03, stream.detach)
                timer.start()
                try:
                    for delta in stream:
                        reading.take(delta)
                    whole = True
                except StreamDetached:
                    timer.join()
                    stream = self.system.attach(stream.stream_id)
                finally:
                    timer.cancel()
                    timer.join()
        except UnknownStream:
            pass
        finally:
            reading.over(whole=whole)

    def _told(self, stream: Stream[Any], luck: random.Random) -> None:
        """The stream is another one's: this one is for an actor of the service."""
        stream.cancel()
        request, kind = self.request(luck)
        mood, began_s = luck.random(), time.monotonic()

        def act(_: Any, batch: DeltaBatch) -> None:
            if mood < 0.1 and batch.number == 2:
                raise ValueError("the service's own fault")
            time.sleep(mood * 0.002)

        taker = ThreadTaker.start(act)
        actor: Any = taker._actor_weakref()
        try:
            told = self.system.tell(request, reply_to=taker)
            self.note(told.stream_id, kind, began_s)
            if mood > 0.9:
                told.cancel()
            came = self._came(actor, OPTIONS.deadline_s + GRACE_S)
            self._judge(Reading(self.ledger, told), actor.batches, came=came)
        finally:
            taker.stop(timeout=GRACE_S)

    @staticmethod
    def _came(actor: Any, within_s: float) -> bool:
        with actor.changed:
            return bool(actor.changed.wait_for(lambda: actor.batches and actor.batches[-1].is_last, within_s))

    def _judge(self, reading: Reading, batches: list[DeltaBatch], *, came: bool) -> None:
        if not came:
            self.ledger.wrong.append(f"{reading.stream_id}: no last batch behind {len(batches)}")
        if [batch.number for batch in batches] != list(range(1, len(batches) + 1)):
            self.ledger.wrong.append(f"{reading.stream_id}: batches {[batch.number for batch in batches]}")
        for batch in batches:
            for delta in batch.deltas:
                reading.take(delta)
        end = batches[-1].completion if batches else None
        reading.over(whole=end is not None and end.outcome == "completed")
        if end is not None and end.text != reading.text:
            self.ledger.wrong.append(f"{reading.stream_id}: told {reading.text!r}, ended with {end.text!r}")
