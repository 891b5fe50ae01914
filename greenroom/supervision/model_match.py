"""Whether the model that answered is the one that was asked for, under another of its names.

    gpt-4o                      gpt-4o-2024-08-06                     a dated snapshot
    claude-3-5-sonnet-latest    claude-3-5-sonnet-20241022            the newest snapshot
    anthropic/claude-sonnet-4.6 anthropic/claude-4.6-sonnet-20260217  the same words in another order
    gemini-2.5-flash            models/gemini-2.5-flash               Google's full name
    meta-llama/Llama-3.1-8B     llama3.1-8b                           a vendor before it, punctuation, case
    phi3                        phi3:latest                           Ollama's tag
    Qwen3-4B-Q4_K_M             /models/Qwen3-4B-Q4_K_M.gguf          llama.cpp's file
    openrouter/auto             anything                              a router that chooses

A size, a version or a word that only one of them has makes another model: `qwen3-4b` is not `qwen3-8b`.
"""

import re
from functools import lru_cache
from typing import Any

from greenroom.actors.history import decided
from greenroom.messages.commands import RequestOver
from greenroom.messages.completion import Completion
from greenroom.messages.contracts import Clock, EventSink, Target
from greenroom.messages.events import ProviderModelMismatch

_SEEN_MAX = 1024
"""Names, and pairs of names, that are remembered."""
_CHOOSERS = frozenset({"auto", "default", "free", "best"})
"""Last parts of names that leave the choice to the server."""
_DATES = re.compile(
    r"(?<![\w.])(?:(?:19|20)\d\d-[01]\d-[0-3]\d|(?:0[1-9]|1[0-2])-(?:[0-3]\d|20\d\d)"
    r"|(?:19|20)\d{6}|\d{4}|\d{6}|0\d\d)(?![\w.])"
)
"""2024-08-06; 05-20 and 08-2024; 20241022; 0613 and 2507; a revision, 001."""
_DROPPED = frozenset({"latest", "gguf", "instruct", "it", "preview", "exp", "versatile", "chat", "hf", "fp8"})
"""Words that servers leave out or add for the same model."""


@lru_cache(maxsize=_SEEN_MAX)
def same_model(asked: str, answered: str) -> bool:
    """Both names mean one model, as far as names can tell. Pure; linear in their length."""
    return asked == answered or _words(asked) == _words(answered)


@lru_cache(maxsize=_SEEN_MAX)
def _leaves_the_choice(asked: str) -> bool:
    return re.split(r"[/:]", asked.lower())[-1] in _CHOOSERS


def matches(target: Target, answered: str | None) -> bool | None:
    """None where it cannot be told: no name came, or the one asked says nothing of the model."""
    asked = target.model
    if not answered or target.own_model_names:
        return None
    if asked == answered:
        return True
    return None if _leaves_the_choice(asked) else same_model(asked, answered)


def request_over(target: Target, completion: Completion[Any], attempts: int) -> RequestOver:
    """What the scope tells at the end of a request: with both names, where another model answered."""
    swapped = None
    if completion.model is not None and completion.model_matches is False:
        swapped = (target.provider, target.model, completion.model)
    told = completion.attempts
    at_once = len(told) == 1 and completion.outcome == "completed"
    after = () if at_once else decided(told)
    return RequestOver(completion.stream_id, completion.outcome, attempts, swapped, after)


class Mismatches:
    """Tells of every (provider, asked, answered) once. Bounded: what comes after 1,024 of them is not told."""

    __slots__ = ("_actor", "_clock", "_seen", "_sink")

    def __init__(self, sink: EventSink, clock: Clock, actor: str) -> None:
        self._sink, self._clock, self._actor = sink, clock, actor
        self._seen: set[tuple[str, str, str]] = set()

    def note(self, pair: tuple[str, str, str] | None, stream_id: str) -> None:
        """A request is over; `pair` is provider, model asked and model answered, where these were two."""
        if pair is None or pair in self._seen or len(self._seen) >= _SEEN_MAX:
            return
        self._seen.add(pair)
        if self._sink.wants(ProviderModelMismatch.name):
            provider, asked, answered = pair
            event = ProviderModelMismatch(
                at_s=self._clock.wall_s(), actor=self._actor, stream_id=stream_id, provider=provider,
                model_asked=asked, model_answered=answered,
            )  # fmt: skip
            self._sink.emit(event)


def _words(name: str) -> tuple[str, ...]:
    """What of a name tells the model, in the order of the alphabet: no vendor, date, tag, file or case."""
    plain = name.lower().replace("\\", "/").rstrip("/")
    plain = plain.removesuffix(".gguf").removesuffix(":latest").removesuffix(":free").rpartition("/")[2]
    plain = re.sub(r"(?<=[-.@:])v\d+:\d+$", "", plain)  # Bedrock's revision
    plain = re.sub(
        r"^(?:(?:us|eu|apac|global)\.)?(?:anthropic|meta|amazon|mistral|cohere|deepseek)\.", "", plain
    )
    plain = _DATES.sub("", plain)
    # 3-5 and 3.5, 35 and 3.5, 4-0 and 4 are one version each.
    plain = re.sub(r"(?<![\w.])(\d+)[-_](\d+)(?![\w.])", r"\1.\2", plain)
    words = [word for word in re.split(r"[^a-z0-9.]+", plain) if word not in _DROPPED]
    units = [unit for word in words for unit in re.findall(r"[a-z]+|\d+(?:\.\d+)*", word)]
    return tuple(sorted(unit.removesuffix(".0").replace(".", "") for unit in units))
