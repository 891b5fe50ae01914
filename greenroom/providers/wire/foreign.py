"""What of a conversation only another wire understands: it is left out, and said, whatever `on_unsupported` says.

A conversation that moves from one provider to another must not break for what cannot travel.
"""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.parts import Part, ProviderPart, ReasoningPart, TextPart
from greenroom.messages.request import ChatRequest


def is_foreign(part: Part, wire: str) -> bool:
    """An item of another wire, or reasoning that another wire signed."""
    if isinstance(part, ProviderPart):
        return part.wire != wire
    return isinstance(part, ReasoningPart) and part.wire is not None and part.wire != wire


def own_signature(part: TextPart | ReasoningPart, wire: str) -> str | None:
    """The signature that this wire gave; None for another's. One of unknown origin counts as this wire's."""
    return part.signature if part.wire in (None, wire) else None


def foreign_parts(request: ChatRequest, wire: str) -> Iterator[Problem]:
    """One problem for each part that is left out."""
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.content):
            if part.__class__ is not TextPart and is_foreign(part, wire):
                yield Problem(
                    f"messages.{place}.content.{number}.{part.type}", "", f"is not of the wire {wire}"
                )
