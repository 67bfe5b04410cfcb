"""From the start of the process to the first right page."""

from bench.measure import Figure, Group, Measure, Subject, first_path
from bench.servers.base import Running
from bench.servers.publishing import wait_until_answers


def _start(subject: Subject) -> dict[str, float]:
    """Return the seconds."""
    with subject.starting(subject.tree) as running:
        return {"seconds": until_first_page(subject, running)}


def until_first_page(subject: Subject, running: Running) -> float:
    """Return how many seconds a server that was started just now takes to its first page."""
    return wait_until_answers(running, first_path(running, subject.tree), step=0.002)


GROUP = Group(
    "starts",
    "Start",
    "made",
    (
        Measure(
            "start",
            (Figure("seconds", "start with 23,003 files in 2,002 projects", "s", more_is_better=False),),
            _start,
        ),
    ),
)
