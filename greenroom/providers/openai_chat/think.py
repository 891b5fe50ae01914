"""Reasoning that stands in the text: `<think> ... </think>` at its very start, cut anywhere."""

from typing import Literal

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkSplitter:
    """Splits a choice's text. Only a tag that opens the answer counts; elsewhere it is text."""

    __slots__ = ("_held", "_place")

    def __init__(self) -> None:
        self._held = ""
        self._place: Literal["start", "inside", "after"] = "start"

    @property
    def is_over(self) -> bool:
        """True when all that comes is text."""
        return self._place == "after"

    def feed(self, piece: str) -> tuple[str, str]:
        """(reasoning, text) that are certain now; the rest is held back, shorter than a tag."""
        text, self._held = self._held + piece, ""
        if self._place == "start":
            stripped = text.lstrip()
            if not stripped.startswith(_OPEN):
                if _OPEN.startswith(stripped) and len(text) < 256:
                    self._held = text
                    return "", ""
                self._place = "after"
                return "", text
            self._place, text = "inside", stripped[len(_OPEN) :]
        if self._place == "after":
            return "", text
        reasoning, closed, rest = text.partition(_CLOSE)
        if closed:
            self._place = "after"
            return reasoning, rest
        kept = _prefix_at_end(text)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept], ""

    def finish(self) -> tuple[str, str]:
        """(reasoning, text) of what was held back."""
        held, self._held = self._held, ""
        return (held, "") if self._place == "inside" else ("", held)


def _prefix_at_end(text: str) -> int:
    """How many of the last characters may begin the closing tag."""
    for size in range(min(len(_CLOSE) - 1, len(text)), 0, -1):
        if _CLOSE.startswith(text[-size:]):
            return size
    return 0
