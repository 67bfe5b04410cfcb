"""Memory that stays: of a process that has just begun, and of one that has shown all its pages."""

import time

from bench import data, machine
from bench.measure import Figure, Group, Measure, Subject
from bench.servers.base import NotOffered
from bench.web import HTML

_PATIENCE = 7
"""Times the seconds of a round; slow servers need minutes for all pages."""


def _resident(subject: Subject) -> dict[str, float | NotOffered]:
    with subject.fresh(subject.tree) as running:
        idle = machine.resident_megabytes(running.pids)
        patience = _PATIENCE * subject.effort.seconds
        end = time.monotonic() + patience
        with running.client() as client:
            for number in range(data.PROJECTS):
                client.get(running.page(f"made-{number:05}"), Accept=HTML, Accept_Encoding="gzip")
                if time.monotonic() > end:
                    late = f"after {patience} s it had shown {number + 1} pages of {data.PROJECTS}"
                    return {"idle": idle, "used": NotOffered(late)}
        return {"idle": idle, "used": machine.resident_megabytes(running.pids)}


GROUP = Group(
    "memory",
    "Memory",
    "made",
    (
        Measure(
            "resident",
            (
                Figure("idle", "memory after the start", "MB", more_is_better=False),
                Figure("used", "memory after the pages of 2,000 projects", "MB", more_is_better=False),
            ),
            _resident,
            most_rounds=2,
        ),
    ),
)
