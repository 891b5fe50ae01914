"""What Claude's models take: a table by the version that stands in a model's name. Facts, no branches elsewhere.

Names are read as providers write them: `claude-sonnet-4-5-20250929`, `anthropic.claude-opus-4-6-v1:0`,
`claude-opus-4@20250514`, `anthropic/claude-opus-4.6`, `claude-3-5-haiku-latest`. What is no such name is another
maker's model behind this wire, or a gateway's name for one: nothing is kept from it, its server tells.
Sources: https://platform.claude.com/docs/en/about-claude/models/overview (limits), .../build-with-claude/effort,
.../extended-thinking, .../adaptive-thinking, .../structured-outputs, and .../api/errors (prefill).
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

Thinking = Literal["none", "budget", "adaptive"]
"""How a model is asked to think: not at all, within a number of tokens, or as it sees fit."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one model. The defaults are those of the newest."""

    default_max_tokens: int
    """What `max_tokens` is where nobody gave one: the wire requires it."""
    prefill: bool = False
    """An assistant turn that stands last is gone on with; False: it is refused with a 400."""
    trailing_space: bool = False
    """That turn may end with white space; False: this is refused too."""
    thinking: Thinking = "adaptive"
    efforts: tuple[str, ...] = ("low", "medium", "high", "xhigh", "max")
    """Values of `output_config.effort`; (): the field is refused."""
    sampling: bool = False
    """temperature and top_p are taken."""
    both_samplings: bool = False
    """temperature and top_p are taken together."""
    json_schema: bool = True
    """`output_config.format` is taken."""


_DEFAULT_MAX_TOKENS = 32_000
_OTHER = Facts(
    default_max_tokens=4096, prefill=True, trailing_space=True, thinking="budget", efforts=(),
    sampling=True, both_samplings=True,
)  # fmt: skip
_PLAIN = Facts(4096, True, thinking="none", efforts=(), sampling=True, both_samplings=True, json_schema=False)
_SINCE: tuple[tuple[tuple[int, int], Facts], ...] = (
    ((0, 0), _PLAIN),
    ((3, 5), replace(_PLAIN, default_max_tokens=8192)),
    ((3, 7), replace(_PLAIN, default_max_tokens=_DEFAULT_MAX_TOKENS, thinking="budget")),
    ((4, 1), Facts(_DEFAULT_MAX_TOKENS, True, thinking="budget", efforts=(), sampling=True)),
    ((4, 6), Facts(_DEFAULT_MAX_TOKENS, efforts=("low", "medium", "high", "max"), sampling=True)),
    ((4, 7), Facts(_DEFAULT_MAX_TOKENS)),
)
"""The facts since that version, oldest first."""
_OPUS_4_5 = Facts(
    _DEFAULT_MAX_TOKENS, True, thinking="budget", efforts=("low", "medium", "high"), sampling=True
)
_VERSION = re.compile(
    r"claude[-_.](?:v?(?P<early>\d)(?:[-.](?P<early_minor>\d))?(?![0-9])|instant"
    r"|(?P<family>[a-z]+)-(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2})(?![0-9]))?|(?P<preview>[a-z]+-preview))"
)


def facts_of(model: str) -> Facts:
    """Total: a version that is not in the table has the facts of the one before it."""
    found = _VERSION.search(model.lower())
    if found is None:
        return _OTHER
    version = _version(found)
    if version == (4, 5) and found["family"] == "opus":
        return _OPUS_4_5
    return next(facts for since, facts in reversed(_SINCE) if since <= version)


def _version(found: re.Match[str]) -> tuple[int, int]:
    if found["preview"]:
        return 99, 0
    if found["family"]:
        return int(found["major"]), int(found["minor"] or 0)
    return int(found["early"] or 0), int(found["early_minor"] or 0)
