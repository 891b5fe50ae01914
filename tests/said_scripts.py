"""Strategies for what scripts of a simulated provider say: fields of Script as a user would write them."""

from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CALL: dict[str, st.SearchStrategy[Any]] = {
    "name": st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
    "arguments": st.dictionaries(st.text(max_size=5), JSON, max_size=3),
}
CALLS = st.fixed_dictionaries(CALL)
USAGES = st.builds(
    lambda prompt, cached, answer, reasoning: {
        "prompt_tokens": prompt + cached, "cached_tokens": cached,
        "completion_tokens": answer + reasoning, "reasoning_tokens": reasoning,
    },
    *[st.integers(0, 9_000)] * 4,
)  # fmt: skip


def words(without: str = "") -> st.SearchStrategy[str]:
    """Texts; without these characters (`<`, where a decoder looks for <think>)."""
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters=without), max_size=60)
