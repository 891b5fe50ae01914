"""Going on from a given beginning of the answer: which requests ask for it, and what is said then. Pure.

A server goes on where a request asks in that server's form (`Dialect.prefix`), else it answers anew, or refuses
in its own words (`Dialect.prefix_refusals`). What it says is the rest of the script's text where that begins
so; else a made-up continuation, the same for the same beginning and text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from greenroom.messages.value import FrozenMap
from greenroom.providers.profile import PrefixForm
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.lorem import filler
from greenroom.providers.simulator.openai_errors import Refused
from greenroom.providers.simulator.pieces import joined
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.script_fields import Pieces

NO_PREFILL = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)
"""What a model's server says that has no words of its own for it."""
_WORDS_MIN, _WORDS_MAX = 3, 60


@dataclass(frozen=True, slots=True)
class Beginning:
    """What of the answer a request gives, and how it asks to go on from there."""

    text: str
    forms: frozenset[PrefixForm] = frozenset()
    in_prompt: bool = False
    """The prompt ends with it (older completions): every server goes on."""
    turns: int = 1
    """Assistant turns at the end of the conversation."""
    opens_turn: bool = True
    """`add_generation_prompt`: the template begins another turn."""
    echo: bool = False
    """The request asks to have it repeated (vLLM)."""


def read_beginning(body: Mapping[str, Any]) -> Beginning | None:
    """The beginning that a chat request gives; None where its last turn is no assistant's text."""
    messages = body["messages"]
    last = messages[-1]
    if last["role"] != "assistant" or last.get("tool_calls"):
        return None
    forms: set[PrefixForm] = {"trailing"}
    if last.get("prefix") is True:
        forms.add("flag")
    if body.get("continue_final_message") is True:
        forms.add("continue_final")
    other = next((n for n, m in enumerate(reversed(messages)) if m["role"] != "assistant"), len(messages))
    return Beginning(
        text_of(last.get("content")),
        frozenset(forms),
        turns=other,
        opens_turn=body.get("add_generation_prompt") is not False,
        echo=body.get("echo") is True,
    )


def text_of(content: Any) -> str:
    """The text of a turn: its string, or its text parts with nothing between them."""
    parts = content if isinstance(content, tuple) else ()
    texts = [part.get("text") for part in parts if isinstance(part, FrozenMap)]
    return content if isinstance(content, str) else "".join(text for text in texts if isinstance(text, str))


def is_heeded(beginning: Beginning, dialect: Dialect, script: Script | None = None) -> bool:
    """The server goes on from it, by the script's word or by what it is."""
    if script is not None and script.prefix is not None:
        return script.prefix == "continue"
    return beginning.in_prompt or dialect.prefix in beginning.forms


def going_on(script: Script, beginning: Beginning | None, dialect: Dialect) -> Script:
    """The script of the answer to a request that gives this beginning. Raises Refused."""
    if beginning is None or script.answer is not None:
        return script
    if not beginning.in_prompt:
        _check(script, beginning, dialect)
    if not is_heeded(beginning, dialect, script):
        return script
    wants_echo = dialect.prefix_echo == "always" or (dialect.prefix_echo == "asked" and beginning.echo)
    return continued(script, beginning.text, echo=wants_echo and not beginning.in_prompt)


def continued(script: Script, prefix: str, *, echo: bool = False) -> Script:
    """The script that says what comes after this prefix; with `echo` the prefix comes before it.

    There is no reasoning in it: the answer's text had begun.
    """
    rest = rest_of(script.text, prefix)
    if rest is None:
        rest = _made_up(prefix, joined(script.text))
    if echo:
        rest = prefix + rest if isinstance(rest, str) else (prefix, *rest)
    return script.replace(text=rest, reasoning="")


def rest_of(text: Pieces, prefix: str) -> Pieces | None:
    """What of the text follows the prefix, in the same pieces; None where it does not begin so."""
    if not joined(text).startswith(prefix):
        return None
    if isinstance(text, str):
        return text[len(prefix) :]
    rest, left = [], len(prefix)
    for piece in text:
        if left < len(piece) or (left == 0 and not piece):
            rest.append(piece[left:])
        left = max(0, left - len(piece))
    return tuple(rest)


def _check(script: Script, beginning: Beginning, dialect: Dialect) -> None:
    words = dialect.prefix_refusals
    if script.prefix == "refuse":
        raise Refused(400, NO_PREFILL)
    if script.prefix is not None:
        return
    wrong = None
    if "continue_final" in beginning.forms and beginning.opens_turn:
        wrong = words.get("both_flags")
    if "flag" in beginning.forms and dialect.prefix != "flag":
        wrong = wrong or words.get("flag")
    if beginning.turns > 1:
        wrong = wrong or words.get("several_turns")
    if not is_heeded(beginning, dialect):
        wrong = wrong or words.get("unasked")
    if wrong is not None:
        raise Refused(400, wrong)


def _made_up(prefix: str, text: str) -> str:
    count = len(text.split()) - len(prefix.split())
    count = max(_WORDS_MIN, min(_WORDS_MAX, count))
    seed = crc32(f"{prefix}\0{text}".encode("utf-8", "replace"))
    return ("" if not prefix or prefix[-1].isspace() else " ") + f"{filler(seed, count)}."
