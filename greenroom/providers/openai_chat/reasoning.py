"""Reasoning beside the text: the names that servers give it, and the details that go back unchanged."""

from typing import Any

from pydantic_core import to_json

from greenroom.providers.wire.allowance import Allowance

_FRAGMENT_BYTES = 64


NAMES = ("reasoning_content", "reasoning", "reasoning_text", "thinking")


def reasoning_text(delta: dict[str, Any]) -> str:
    """The reasoning of one delta. Servers that send it under two names send the same text twice."""
    for name in NAMES:
        text = delta.get(name)
        if text and (text := joined(text)):
            return text
    details = delta.get("reasoning_details")
    if not isinstance(details, list):
        return ""
    return "".join(_detail_text(detail) for detail in details if isinstance(detail, dict))


def _detail_text(detail: dict[str, Any]) -> str:
    text = detail.get("text") or detail.get("summary")
    return text if isinstance(text, str) else ""


def joined(parts: Any) -> str:
    """The text of a string, of an object with `text`, or of a list of these."""
    if isinstance(parts, dict):
        parts = parts.get("text")
    if isinstance(parts, str):
        return parts
    if not isinstance(parts, list):
        return ""
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


class Details:
    """OpenRouter's reasoning_details of one block, its fragments joined: what a later turn sends back.

    Source: https://openrouter.ai/docs/use-cases/reasoning-tokens (preserving reasoning blocks).
    """

    __slots__ = ("_allowance", "_pieces", "_whole")

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._whole: list[dict[str, Any]] = []
        self._pieces: list[dict[str, list[str]]] = []

    def take(self, fragments: list[Any]) -> None:
        for fragment in fragments:
            if isinstance(fragment, dict):
                self._allowance.left -= len(to_json(fragment)) + _FRAGMENT_BYTES
                self._add(fragment)

    def close(self) -> list[dict[str, Any]]:
        """The details so far, whole; forgotten here."""
        for whole, pieces in zip(self._whole, self._pieces, strict=True):
            whole.update({name: "".join(parts) for name, parts in pieces.items()})
        details, self._whole, self._pieces = self._whole, [], []
        return details

    def _add(self, fragment: dict[str, Any]) -> None:
        last = self._whole[-1] if self._whole else None
        if (
            last is None
            or any(last.get(k) != fragment.get(k) for k in ("type", "index"))
            or fragment.get("data")
        ):
            last = {}
            self._whole.append(last)
            self._pieces.append({})
        for name, value in fragment.items():
            if name in ("text", "summary") and isinstance(value, str):
                self._pieces[-1].setdefault(name, []).append(value)
            elif value is not None or name not in last:
                last[name] = value
