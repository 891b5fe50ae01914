"""Faults of a body that mean the same on every wire: what a simulator does, and what a decoder makes of it."""

from typing import Any, NamedTuple

from greenroom.messages.failures import EvidenceKind
from greenroom.providers.simulator import Script

TEXT, RECEIVED = "one two three four", "one two"
MAX_EVENT_BYTES = 65_536
"""What the floods are larger than."""
_TWO = {"after_deltas": 2}


class BodyFault(NamedTuple):
    fields: dict[str, Any]
    """Of the script."""
    kind: EvidenceKind | None = None
    """Of the failure that it comes to; None: an answer."""
    received: str | None = RECEIVED
    """The text that came before a failure; None: not the same on every wire."""

    @property
    def script(self) -> Script:
        return Script(text=TEXT, **self.fields)

    @property
    def is_clean(self) -> bool:
        """The body ends in order: what breaks off does not."""
        return self.kind != "transport"


BODY_FAULTS = [
    BodyFault({"garbage": {"place": "stream", **_TWO}}, "protocol"),
    BodyFault({"garbage": {"place": "json", **_TWO}}, "protocol"),
    BodyFault({"flood": {"kind": "event", "size": 100_000, **_TWO}}, "bound"),
    BodyFault({"flood": {"kind": "line", "size": 100_000, **_TWO}}, "bound"),
    BodyFault({"flood": {"kind": "deep_json", "size": 30_000, **_TWO}}, "protocol"),
    BodyFault({"cut": _TWO}, "transport"),
    BodyFault({"cut": {"inside": "event", **_TWO}}, "transport"),
    BodyFault({"cut": {"after_bytes": 150}}, "transport", None),
    BodyFault({"cut": {"how": "end", **_TWO}}, "protocol"),
    BodyFault({"cut": {"how": "end", "inside": "event", **_TWO}}, "protocol"),
    BodyFault({"cut": {"how": "end", "after_bytes": 150}}, "protocol", None),
    BodyFault({"stream_error": _TWO}, "in_stream"),
    BodyFault({"stream_error": {"send_done": False, **_TWO}}, "in_stream"),
    BodyFault({"stream_error": {"event": "", "error": {"message": "x"}, **_TWO}}, "in_stream"),
    BodyFault({"send_finish": False, "send_done": False}, "protocol", TEXT),
    BodyFault({"answer": {"status": 200, "body": "<html>"}}, "protocol", ""),
    BodyFault({"garbage": {"place": "character", **_TWO}}),
    BodyFault({"flood": {"kind": "stream", "size": 30_000, **_TWO}}),
    *(
        BodyFault({"stall": {"ping": ping, "for_s": 3, **_TWO}})
        for ping in ("comment", "empty_delta", "empty_chunk", "progress", "blank")
    ),
    BodyFault({"send_role": False, "usage": "absent"}),
    BodyFault({"late_text": "late"}),
    BodyFault({"obfuscation": True}),
    BodyFault({"ignore_stream": True}),
]

ENDS_MISSED: dict[str, tuple[str, ...]] = {
    "openai-chat": (), "openai-completions": (),
    "openai-responses": ("send_finish", "send_done"), "anthropic": ("send_done",),
    "anthropic-text": ("send_finish", "send_done"), "gemini": ("send_finish",),
    "gemini-interactions": ("send_finish",), "ollama": ("send_done",), "ollama-generate": ("send_done",),
    "cohere-chat": ("send_finish",), "cloudflare-ai": ("send_done",),
}  # fmt: skip
"""Of each wire: without which of the two, why it ended and that it ended, an answer is not whole."""
