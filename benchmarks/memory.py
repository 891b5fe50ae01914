"""How much of a process is in RAM."""

import resource
from pathlib import Path


def resident_kib() -> float:
    """Memory of this process that is in RAM now; where that is not told, the most it ever was."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return float(line.split()[1])
