"""Facts about families of models, by the name that Google gives them.

Sources: https://ai.google.dev/gemini-api/docs/thinking (levels, budgets),
https://ai.google.dev/gemini-api/docs/openai#thinking (what an effort is in tokens),
https://ai.google.dev/gemini-api/docs/thought-signatures (who must have its signatures back).
"""

import re
from collections.abc import Mapping
from typing import Any

from greenroom.messages.frozen import EMPTY_MAP, FrozenMap
from greenroom.messages.given import Given, held
from greenroom.messages.value import Value


class Family(Value):
    """What models of one family take. The defaults are those of a model that does not think."""

    levels: Given[Mapping[str, str], FrozenMap] = held(EMPTY_MAP)
    """thinkingLevel of each effort."""
    budgets: Given[Mapping[str, int], FrozenMap] = held(EMPTY_MAP)
    """thinkingBudget of each effort, in tokens."""
    wants_signatures: bool = False
    """A function call without its signature is refused (400)."""

    def thinking(self, effort: str) -> dict[str, Any] | None:
        """The thinkingConfig of this effort; None where the family has none."""
        shown = {"includeThoughts": True} if effort != "none" else {}
        if effort in self.levels:
            return {"thinkingLevel": self.levels[effort], **shown}
        if effort in self.budgets:
            return {"thinkingBudget": self.budgets[effort], **shown}
        return None


_LEVELS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high"}
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}

_FAMILIES: tuple[tuple[re.Pattern[str], Family], ...] = (
    (re.compile(r"gemini-2\.5-pro"), Family(budgets=FrozenMap(_BUDGETS))),
    (re.compile(r"gemini-2\.5"), Family(budgets=FrozenMap({"none": 0, **_BUDGETS}))),
    (re.compile(r"gemini-(1|2)\b"), Family()),
    (
        re.compile(r"gemini-3-pro"),
        Family(levels=FrozenMap({"minimal": "low", **_LEVELS, "medium": "high"}), wants_signatures=True),
    ),
    (
        re.compile(r"gemini-([3-9]|\d\d)[\w.]*-pro|gemini-pro-latest"),
        Family(levels=FrozenMap({"minimal": "low", **_LEVELS}), wants_signatures=True),
    ),
    (
        re.compile(r"gemini-([3-9]|\d\d)|gemini-[a-z-]*latest"),
        Family(levels=FrozenMap({"minimal": "minimal", **_LEVELS}), wants_signatures=True),
    ),
)
"""The first that is found in a model's name."""

_OTHER = Family()


def family_of(model: str) -> Family:
    """The family of a model; for a name that none knows, one that does not think."""
    return next((family for pattern, family in _FAMILIES if pattern.search(model)), _OTHER)
