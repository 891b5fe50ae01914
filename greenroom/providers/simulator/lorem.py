"""The answer of a simulator without a script: plainly made up, about the prompt, the same every time."""

from itertools import cycle, islice
from zlib import crc32

from greenroom.providers.simulator.script import Script

LOREM = """
lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore
magna aliqua ut enim ad minim veniam quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo
consequat
""".split()  # noqa: SIM905  (readable as text)
_PROMPT_SHOWN = 60


def lorem_script(prompt: str, max_tokens: int | None, interval_s: float) -> Script:
    """A script of 30 to 60 words about this prompt; cut at `max_tokens` words, with the reason `length`."""
    words = _about(prompt).split(" ")
    finish = None
    if max_tokens is not None and max_tokens < len(words):
        words, finish = words[:max_tokens], "length"
    return Script(text=" ".join(words), delta_interval_s=interval_s, finish_reason=finish)


def _about(prompt: str) -> str:
    shown = " ".join(prompt.split())
    shown = shown if len(shown) <= _PROMPT_SHOWN else shown[: _PROMPT_SHOWN - 3] + "..."
    seed = crc32(shown.encode())
    words = filler(seed, 14 + seed % 13)
    said = f'You said: "{shown}".' if shown else "You said nothing."
    return f"[greenroom simulator] {said} No model is running here, so this answer is made up: {words}."


def filler(seed: int, count: int) -> str:
    """So many words without meaning, the same for the same seed."""
    start = seed % len(LOREM)
    return " ".join(islice(cycle(LOREM), start, start + count))
