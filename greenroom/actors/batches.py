"""The order of a told stream's batches, pure: one outstanding at a time, the end once and last."""

from dataclasses import dataclass
from typing import Literal

Why = Literal["raised", "dead", "silent"]
"""How an actor failed a batch: its handler raised, it has ended, or it did not answer in time."""
Step = Literal["nothing", "end_request", "send_rest", "over"]


@dataclass(slots=True)
class Batches:
    """One stream's. `number` is that of the newest batch sent."""

    number: int = 0
    outstanding: bool = False
    refused: bool = False
    """A handler raised: no further batch but the last."""
    last_sent: bool = False
    """Nothing follows."""

    def may_send(self, *, ended: bool) -> bool:
        """There is credit; `ended` says that the stream has its end."""
        return not self.outstanding and not self.last_sent and (ended or not self.refused)

    def sent(self, *, last: bool) -> int:
        """The number of the batch that goes out now."""
        self.number += 1
        self.outstanding, self.last_sent = True, last
        return self.number

    def answered(self, number: int) -> bool:
        """The actor has handled that batch. False: an answer that counts no more."""
        if number != self.number or not self.outstanding:
            return False
        self.outstanding = False
        return True

    def failed(self, why: Why) -> Step:
        """What is to be done when the actor failed the newest batch, or is seen to be dead."""
        self.outstanding = False
        if self.last_sent or why == "dead":
            self.last_sent = True
            return "over"
        if why == "silent":
            return "send_rest"
        already, self.refused = self.refused, True
        return "nothing" if already else "end_request"
