"""Recorded bytes that are judged against where a machine has them; not part of the repository."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("GREENROOM_SHARED", Path(__file__).parents[2] / "shared"))
CORPUS = SHARED / "corpus"
