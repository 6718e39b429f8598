"""What processes used, read from Linux's /proc."""

import os
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of all that descend from it."""
    parents: dict[int, list[int]] = {}
    times: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name stands in parentheses and may hold anything, so count from its end.
            found = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(int(found[1]), []).append(int(folder.name))
        times[int(folder.name)] = sum(map(int, found[11:15]))
    family = [pid]
    for member in family:
        family += parents.get(member, [])
    return sum(times.get(member, 0) for member in family) * TICK


def peak_rss(pid: int) -> float:
    """Return the most memory a process ever held, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (most,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(most) / 1024
