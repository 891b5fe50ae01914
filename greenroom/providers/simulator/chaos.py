"""Faults drawn from a seed: the same seed, rate and list of faults strike the same requests in the same way.

What is drawn depends on the request's ordinal alone, never on what was drawn before it.
"""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Self

from pydantic import Field, model_validator

from greenroom.messages.given import Given, held
from greenroom.messages.value import FrozenMap, Input, thaw
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.script_fields import Seconds

_DELTAS_MAX = 8
_FORMS = ("seconds", "date", "ms", "azure_ms", "both", "litellm")
_Draw = Callable[[Random, float], dict[str, Any]]
_DRAWS: dict[str, _Draw] = {
    "rate_limit": lambda rng, hold_s: {
        "answer": {
            "status": 429,
            "retry_after": {"seconds": round(rng.uniform(0, hold_s), 3), "form": rng.choice(_FORMS)},
        }
    },
    "overloaded": lambda rng, _: {"answer": {"status": rng.choice((503, 529))}},
    "server_error": lambda rng, _: {"answer": {"status": rng.choice((500, 502, 504))}},
    "html": lambda rng, _: {"answer": {"status": rng.choice((200, 502)), "body": "<html>gateway</html>"}},
    "slow_head": lambda rng, hold_s: {"headers_delay_s": rng.uniform(hold_s / 2, hold_s)},
    "stall": lambda rng, hold_s: {"stall": {"after_deltas": _deltas(rng), "for_s": hold_s}},
    "pings": lambda rng, hold_s: {
        "stall": {
            "after_deltas": _deltas(rng), "for_s": hold_s, "ping_every_s": max(0.001, hold_s / 10),
            "ping": rng.choice(("comment", "empty_delta", "empty_chunk", "progress")),
        }
    },
    "hang": lambda rng, _: {"stall": {"after_deltas": _deltas(rng)}},
    "fin": lambda rng, _: {"cut": {"after_deltas": _deltas(rng)}},
    "half_close": lambda rng, _: {"cut": {"after_deltas": _deltas(rng), "how": "half_close"}},
    "reset": lambda rng, _: {"cut": {"after_deltas": _deltas(rng), "how": "reset"}},
    "cut_event": lambda rng, _: {"cut": {"after_deltas": _deltas(rng), "inside": "event"}},
    "cut_character": lambda rng, _: {"cut": {"after_deltas": _deltas(rng), "inside": "character"}},
    "cut_framing": lambda rng, _: {"cut": {"after_deltas": _deltas(rng), "inside": "framing"}},
    "cut_head": lambda rng, _: {"cut": {"after_head_bytes": rng.randrange(1, 60)}},
    "no_answer": lambda rng, _: {"cut": {"before_answer": True, "how": rng.choice(("fin", "reset"))}},
    "missing_end": lambda rng, _: {"cut": {"after_deltas": _deltas(rng), "how": "end"}},
    "garbage": lambda rng, _: {
        "garbage": {
            "place": rng.choice(("head", "framing", "stream", "json", "character")),
            "after_deltas": _deltas(rng),
        }
    },
    "error_event": lambda rng, _: {"stream_error": {"after_deltas": _deltas(rng)}},
    "drip": lambda rng, hold_s: {
        "drip": {"size_bytes": rng.choice((1, 7, 64)), "every_s": hold_s / 2000 or 0.001, "head": True}
    },
    "wrong_length": lambda rng, _: {"http": {"framing": "length", "length_off_by": rng.randrange(1, 100)}},
}  # fmt: skip
FAULTS = tuple(_DRAWS)
_DEFAULT = tuple(name for name in FAULTS if name not in ("hang", "half_close"))
"""Those that end by themselves, also for a client without a clock."""


class Chaos(Input):
    """Faults for a share of the requests. The ordinal counts the requests for completions, from 1."""

    seed: int
    rate: float = Field(default=0.2, ge=0, le=1)
    """The share of requests that is struck."""
    faults: Given[tuple[str | Mapping[str, Any], ...], tuple[str | FrozenMap, ...]] = held(_DEFAULT)
    """Names, or fields of a Script: `{"stall": {"for_s": 2}}`. One is drawn, each as likely as the others."""
    hold_s: Seconds = 0.5
    """How long a stall lasts; delays and Retry-After are up to it."""

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if not self.faults:
            raise ValueError("faults: give at least one")
        for fault in self.faults:
            if isinstance(fault, FrozenMap):
                Script(**thaw(fault))
            elif fault not in _DRAWS:
                raise ValueError(f"faults: unknown fault {fault!r}; known: {', '.join(FAULTS)}")
        return self

    def strike(self, script: Script, ordinal: int) -> tuple[Script, str | None]:
        """The script of the request with this number, and what was done to it: None where nothing was."""
        rng = Random(f"{self.seed}/{ordinal}")  # noqa: S311  (chaos that can be repeated, no secret)
        if rng.random() >= self.rate:
            return script, None
        fault = rng.choice(self.faults)
        if isinstance(fault, FrozenMap):
            patch, name = thaw(fault), "own"
        else:
            patch, name = _DRAWS[fault](rng, self.hold_s), fault
        struck = Script(**patch)
        fields = {field: getattr(struck, field) for field in patch}
        return script.replace(**fields), f"{name} {json.dumps(patch)}"


def faults_of(script: Script) -> tuple[str, ...]:
    """The faults that this script applies, each as `field {"its": "settings"}`."""
    told = []
    for field in ("answer", "stream_error", "cut", "stall", "garbage", "drip", "flood"):
        fault = getattr(script, field)
        if fault is not None:
            told.append(f"{field} {fault.model_dump_json(exclude_defaults=True)}")
    if script.http != Script.model_fields["http"].default:
        told.append(f"http {script.http.model_dump_json(exclude_defaults=True)}")
    if script.headers_delay_s:
        told.append(f"headers_delay_s {script.headers_delay_s}")
    told += [name for name in ("ignore_stream", "late_text", "close_connection") if getattr(script, name)]
    told += [
        f"{name} false" for name in ("send_role", "send_finish", "send_done") if not getattr(script, name)
    ]
    return tuple(told)


def _deltas(rng: Random) -> int:
    return rng.randrange(_DELTAS_MAX)
