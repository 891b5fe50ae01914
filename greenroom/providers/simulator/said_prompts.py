"""What the completions wire remembers of its answers: a prompt that ends with the beginning of one goes on.

The wire has no turns, so a client that goes on sends the old prompt and behind it what it was answered. A prompt
that merely happens to begin as another did is a new one: what follows must be what was said.
"""

from collections import OrderedDict
from dataclasses import replace

from greenroom.providers.simulator.completions import CompletionCall
from greenroom.providers.simulator.continuing import Beginning
from greenroom.providers.simulator.pieces import joined
from greenroom.providers.simulator.script import Script

REMEMBERED_MAX = 256
_CHARACTERS_MAX = 65_536
"""A prompt or answer that is longer is not remembered."""


class SaidPrompts:
    """One owner. Bounded: the prompt that was answered longest ago goes out."""

    def __init__(self) -> None:
        self._said: OrderedDict[str, tuple[int, str]] = OrderedDict()
        """By whole prompt: where in it an answer begins, and what was said behind it."""

    def read(self, call: CompletionCall) -> CompletionCall:
        """The call with its prompt and the beginning of the answer apart, where there is one."""
        if call.chat.choices != 1:
            return call
        prompt, place = call.prompts[0], None
        for known, (start, said) in self._said.items():
            if (
                len(known) < len(prompt)
                and prompt.startswith(known)
                and said.startswith(prompt[len(known) :])
            ):
                place = start  # the newest answer that it goes on from
        if place is None:
            return call
        beginning = Beginning(prompt[place:], in_prompt=True)
        return replace(call, chat=replace(call.chat, prompt=prompt[:place], beginning=beginning))

    def note(self, call: CompletionCall, script: Script) -> None:
        """This script answers this call."""
        prompt, said = call.prompts[0], joined(script.text)
        if call.chat.choices != 1 or max(len(prompt), len(said)) > _CHARACTERS_MAX:
            return
        beginning = call.chat.beginning
        start = len(prompt) - (0 if beginning is None else len(beginning.text))
        self._said.pop(prompt, None)
        self._said[prompt] = (start, said)
        if len(self._said) > REMEMBERED_MAX:
            self._said.popitem(last=False)
