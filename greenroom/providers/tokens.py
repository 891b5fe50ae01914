"""Token counts of our own, where the provider gives none. Blocking: tiktoken may fetch a vocabulary first."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken

_FALLBACK_ENCODING = "o200k_base"


def count_tokens(text: str, model: str) -> int:
    """Tokens by tiktoken's encoding for the model, or by o200k_base where it knows none.

    Loads the vocabulary on first use, over the network unless it is cached (TIKTOKEN_CACHE_DIR); never call
    it on a dispatcher thread. Raises OSError where the vocabulary cannot be had.
    """
    return len(_encoding(model).encode(text, disallowed_special=()))


def _encoding(model: str) -> "tiktoken.Encoding":
    import tiktoken

    try:
        return tiktoken.encoding_for_model(model.rpartition("/")[2])
    except KeyError:
        return tiktoken.get_encoding(_FALLBACK_ENCODING)
