"""Where a test cuts a body when it reads each beginning anew, which takes time with the square of the size."""

import os
import random

PLACES = int(os.environ.get("GREENROOM_CUTS", "400"))
"""So many places at the most; a smaller body is cut at every byte."""


def cut_places(size: int, name: str) -> list[int]:
    """Sizes below `size`, in order: all of them, or both ends and a sample that is the same in every run."""
    if size <= PLACES:
        return list(range(size))
    edge = PLACES // 8
    middle = random.Random(name).sample(range(edge, size - edge), PLACES - 2 * edge)
    return [*range(edge), *sorted(middle), *range(size - edge, size)]
