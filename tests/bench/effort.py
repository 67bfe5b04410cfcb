"""How long a run takes: the full one for figures to publish, the quick one to see where things stand."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How often and how long each thing is measured."""

    name: str
    rounds: int
    """Rounds of each measure; the order of the servers turns with each."""
    seconds: int
    """Seconds of load in one round; wrk counts whole ones."""
    warm_up: int
    """Seconds of the same load before the first round of each server, not counted."""
    settled: bool
    """Whether the disk must have written everything before a group begins."""
    left_out: frozenset[str] = frozenset()
    """Groups that take long, or whose figures are the same every time or no target."""


FULL = Effort("full", rounds=3, seconds=2, warm_up=1, settled=True)
QUICK = Effort("quick", 1, 1, warm_up=0, settled=False, left_out=frozenset({"huge", "costs", "logins", "visible"}))
TINY = Effort("tiny", 1, 1, warm_up=0, settled=False, left_out=frozenset({"huge"}))
"""For those who change the bench: shows that it works, and no figure of it means anything."""
EFFORTS = {each.name: each for each in (FULL, QUICK, TINY)}
