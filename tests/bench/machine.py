"""What a server takes of the machine, and whether the machine is idle enough to measure."""

import os
import platform
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_GONE = (FileNotFoundError, ProcessLookupError)
IDLE_SHARE = 0.05
"""The share of all processors that other programs may use before a run begins."""


class Usage(NamedTuple):
    """What processes have used since they began."""

    cpu_seconds: float
    bytes_passed: int
    """Through read, write and sendfile, sockets left out: how often bytes were copied."""

    def since(self, before: "Usage") -> "Usage":
        """Return what came between."""
        return Usage(self.cpu_seconds - before.cpu_seconds, self.bytes_passed - before.bytes_passed)


def family(pids: Iterable[int]) -> list[int]:
    """Return these processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(*_GONE):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found = list(pids)
    for pid in found:
        found += children.get(pid, [])
    return found


def usage(pids: Iterable[int]) -> Usage:
    """Return what these processes and their descendants have used."""
    cpu, passed = 0.0, 0
    for pid in family(pids):
        with suppress(*_GONE):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            cpu += (int(fields[11]) + int(fields[12])) / _TICKS
            io = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
            passed += int(io["rchar"]) + int(io["wchar"])
    return Usage(cpu, passed)


def resident_megabytes(pids: Iterable[int]) -> float:
    """Return the memory of these processes and their descendants; what they share counts once."""
    return sum(_status(f"/proc/{pid}/smaps_rollup", "Pss") for pid in family(pids))


def forget_peaks(pids: Iterable[int]) -> None:
    """Reset the peaks of these processes and their descendants."""
    for pid in family(pids):
        with suppress(*_GONE):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_megabytes(pids: Iterable[int]) -> float:
    """Return the most memory that these processes and their descendants have had, each for itself."""
    return sum(_status(f"/proc/{pid}/status", "VmHWM") for pid in family(pids))


def busy_share(seconds: float = 2.0) -> float:
    """Return which share of all processors is in use now, this process left out."""
    own, all_, idle = time.process_time(), *_ticks()
    time.sleep(seconds)
    own, (now, idle_now) = time.process_time() - own, _ticks()
    return max(0.0, 1 - (idle_now - idle) / (now - all_) - own / seconds / (os.cpu_count() or 1))


def description() -> dict[str, str]:
    """Return what the figures hold for."""
    with suppress(OSError, IndexError):
        model = Path("/proc/cpuinfo").read_text().partition("model name")[2].partition("\n")[0].strip("\t :")
    return {
        "processors": f"{os.cpu_count()} x {model}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load before": " ".join(f"{each:.2f}" for each in os.getloadavg()),
    }


def _ticks() -> tuple[int, int]:
    numbers = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(numbers), numbers[3] + numbers[4]


def _status(file: str, field: str) -> float:
    with suppress(*_GONE):
        for line in Path(file).read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    return 0.0
