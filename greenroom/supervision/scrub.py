"""The last guard before a text leaves the process: what looks like a key is not let through.

Events and failures hold no secret of ours by construction; a provider's error may echo one back.
"""

import re

_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|gsk|xai|hf|pplx|r8|key)[-_][A-Za-z0-9_-]{12,}|\bAIza[A-Za-z0-9_-]{20,}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]*[A-Za-z0-9_-]|(?<=\bBearer )\S+",
    re.ASCII,
)


def scrubbed(text: str) -> str:
    """The text, with `(hidden)` in place of everything that looks like a key or a token."""
    return _KEY_LIKE.sub("(hidden)", text)
