"""What importing costs, in fresh processes: the time until a line of code has run, in milliseconds."""

import statistics
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.load import ROOT

_TIMES = 5
_FIRST_STREAM = """
from greenroom import ActorSystem, ChatRequest, ProviderConfig, SystemConfig
system = ActorSystem.start(SystemConfig(providers={"b": ProviderConfig(base_url="http://127.0.0.1:9/v1")}))
stream = system.stream(ChatRequest(model="b/x", messages="hi"))
"""

CODE = {
    "greenroom": {
        "import_ms": "import greenroom",
        "names_ms": "from greenroom import ActorSystem, ChatRequest",
        "stream_ms": _FIRST_STREAM,
    },
    "openai": {"import_ms": "import openai"},
    "litellm": {"import_ms": "import litellm"},
}


def measure(python: Path, peer: str) -> dict[str, Any]:
    """The median of some processes, of each line. The first run, which writes the byte code, is not counted."""
    return {
        name: statistics.median([_once_ms(python, code) for _ in range(_TIMES + 1)][1:])
        for name, code in CODE[peer].items()
    }


def _once_ms(python: Path, code: str) -> float:
    timed = f"import time\nbegan = time.perf_counter()\n{code}\ntook = time.perf_counter() - began\n"
    # Ended at once: what a client would tidy up at exit is not measured.
    ended = "import os\nos.write(1, b'%.3f' % (took * 1e3))\nos._exit(0)"
    done = subprocess.run(
        [python, "-c", timed + ended], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return float(done.stdout)
