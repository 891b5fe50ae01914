"""What a continued answer says again of what was delivered. Pure; the same however the new text comes cut."""

OVERLAP_MAX = 500
"""Characters of the delivered text that are looked at, and so many of the new one are held back at most."""
WHOLE_MAX = 65_536
"""A longer text is not looked for whole at the head of the new one: so much is held back at most."""
_SURE = 8
"""So long an overlap is no chance."""
_WORD = 3
"""A shorter one counts where it is the last word, or its beginning, said once more."""


def overlap(delivered: str, head: str, ended: bool) -> int | None:
    """How many characters at the head of the new text repeat the end of the delivered one; None: too early to
    say, a longer head could repeat more. Never None where the head has `ended`.

    The longest such repeat counts; all of the delivered text is one, where the model begins anew with it. A text
    that goes round in circles can be told from a repeat by nobody: what was taken off is told on the seam.
    """
    if _SURE <= len(delivered) <= WHOLE_MAX:
        if head.startswith(delivered):
            return len(delivered)
        if not ended and delivered.startswith(head):
            return None
    tail = delivered[-OVERLAP_MAX:]
    if not ended and len(head) < len(tail) and _may_grow(tail, head):
        return None
    longest = min(len(tail), len(head))
    return next((size for size in range(longest, 0, -1) if _repeats(tail, head, size)), 0)


def _may_grow(tail: str, head: str) -> bool:
    """Some end of the tail, longer than the head, begins with it."""
    return tail.find(head, 0, len(tail) - 1) != -1


def _repeats(tail: str, head: str, size: int) -> bool:
    if size < _WORD or not tail.endswith(head[:size]):
        return False
    if size >= _SURE:
        return True
    before = tail[-size - 1 : -size]
    return head[0].isalnum() and not before.isalnum()


def trimmed_space(delivered: str, head: str, ended: bool) -> int | None:
    """How much white space at the head of the new text stands at the end of the delivered one, which was cut
    off when a server was given it; None: too early to say."""
    cut = delivered[len(delivered.rstrip()) :]
    same = next(
        (n for n, (a, b) in enumerate(zip(cut, head, strict=False)) if a != b), min(len(cut), len(head))
    )
    return None if same == len(head) < len(cut) and not ended else same
