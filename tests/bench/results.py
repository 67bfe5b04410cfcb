"""What a run has found: values of rounds, and reasons where there is none."""

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Key = tuple[str, str, str]
"""Group, measure, figure."""


def key_of(written: str) -> Key:
    """Read a key as reports write it, `group/measure/figure`."""
    group, measure, figure = written.split("/")
    return group, measure, figure


@dataclass
class Results:
    """Values and reasons, by figure and server."""

    about: dict[str, Any] = field(default_factory=dict)
    """The run: machine, effort, versions."""
    values: dict[Key, dict[str, list[float]]] = field(default_factory=dict)
    absent: dict[Key, dict[str, str]] = field(default_factory=dict)
    """Why a server has no value; a server that failed in some rounds has values too."""

    def add(self, key: Key, server: str, value: float) -> None:
        """Add the value of a round."""
        self.values.setdefault(key, {}).setdefault(server, []).append(value)

    def lack(self, key: Key, server: str, reason: str) -> None:
        """Remember why there is none."""
        self.absent.setdefault(key, {})[server] = reason

    def median(self, key: Key, server: str) -> float | None:
        """Return the median of the rounds."""
        found = self.values.get(key, {}).get(server)
        return statistics.median(found) if found else None

    def spread(self, key: Key, server: str) -> float | None:
        """Return the range of the rounds as a share of their median; None for a single round."""
        found = self.values.get(key, {}).get(server, [])
        middle = statistics.median(found) if len(found) > 1 else 0
        return (max(found) - min(found)) / middle if middle else None

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        figures = [
            {
                "figure": "/".join(key),
                "servers": {
                    server: {"median": self.median(key, server), "rounds": rounds}
                    for server, rounds in self.values.get(key, {}).items()
                },
                "absent": self.absent.get(key, {}),
            }
            for key in dict.fromkeys((*self.values, *self.absent))
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"about": self.about, "figures": figures}, indent=1) + "\n")


def load(path: Path) -> Results:
    """Read what `save` has written."""
    read = json.loads(path.read_text())
    results = Results(read["about"])
    for each in read["figures"]:
        key = key_of(each["figure"])
        results.values[key] = {server: found["rounds"] for server, found in each["servers"].items()}
        results.absent[key] = each["absent"]
    return results
