"""What the parts of one answer share: the writer, the allowance, how many parts began, and what went wrong."""

from typing import Any

from pydantic_core import to_json

from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.evidence import protocol
from greenroom.providers.wire.writer import Writer

_THING_BYTES = 256
"""What an item or part weighs here beside its text."""


class Said:
    """One owner: the reader of the events. `facts` becomes the answer's metadata."""

    __slots__ = ("allowance", "begun", "calls", "facts", "failure", "refused", "seed", "writer")

    def __init__(self, writer: Writer, allowance: Allowance, seed: str) -> None:
        self.writer, self.allowance, self.seed = writer, allowance, seed
        self.begun = 0
        """Parts of the answer that began; the next one's block."""
        self.calls = 0
        self.refused = False
        self.facts: dict[str, Any] = {}
        self.failure: ErrorEvidence | None = None

    def begin_part(self) -> int:
        """The new part's block. Raises TooMuchError."""
        self.allowance.spend(_THING_BYTES)
        self.begun += 1
        return self.begun - 1

    def fail(self, message: str, body: str = "") -> None:
        self.failure = self.failure or protocol(message, body)

    def differs(self, event: str) -> None:
        """Noted for whoever reads the metadata: an event tells a text otherwise than its deltas did."""
        noted: list[str] = self.facts.setdefault("differs_from_deltas", [])
        if event not in noted:
            noted.append(event)

    def annotate(self, annotations: list[Any]) -> None:
        """Raises TooMuchError: they are kept until the end."""
        self.allowance.spend(len(to_json(annotations)) + 64)
        self.facts.setdefault("annotations", []).extend(annotations)
