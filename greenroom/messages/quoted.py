"""A provider's words apart from what it quotes: names, values, a piece of the prompt."""

import re

_QUOTED = re.compile(
    r'"[^"]*(?:"|$)'
    r"|`[^`]*(?:`|$)"
    r"|(?<!\w)'.*?(?:'(?!\w)|$)"
    r"|“[^”]*(?:”|$)"
    r"|\b(?:input|input_value|value|got|received)\s*=\s*[^,;)]*",
    re.DOTALL,
)
"""An apostrophe inside a word is no quotation mark. One that is never closed quotes all that follows."""
_CHARS_MAX = 4096


def without_quotes(text: str) -> str:
    """The text, each quotation in it replaced by a blank. Only the first 4,096 characters count."""
    return _QUOTED.sub(" ", text[:_CHARS_MAX])
