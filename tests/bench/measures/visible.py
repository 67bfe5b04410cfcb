"""From the 200 of an upload to a page that lists it: on the same server, and on another of the same storage."""

import statistics
import time
from pathlib import Path

from bench import data
from bench.measure import Figure, Group, Measure, Subject
from bench.servers.base import NotOffered, Running
from bench.servers.publishing import wait_until_answers
from bench.web import HTML, Client

_UPLOADS = 10
_PATIENCE_SECONDS = 10


def _delays(subject: Subject) -> dict[str, float | NotOffered]:
    if subject.server.uploads is None or subject.server.upload_method == "PUT":
        raise NotOffered("it takes no uploads")
    with subject.fresh(None) as running:
        same = [_delay(running, running, subject.folder(), f"same-{number}") for number in range(_UPLOADS)]
        found: dict[str, float | NotOffered] = {"same": statistics.median(same)}
        if running.again is None:
            alone = NotOffered("one process has the storage for itself")
            return found | {"other": alone, "most": alone}
        other = running.again(subject.folder())
        try:
            wait_until_answers(other, other.page(""))
            delays = [_delay(running, other, subject.folder(), f"other-{number}") for number in range(_UPLOADS)]
        finally:
            other.supervisor.stop(*other.programs)
    return found | {"other": statistics.median(delays), "most": max(delays)}


def _delay(first: Running, second: Running, folder: Path, project: str) -> float:
    """Return the milliseconds until a page of `second` lists what `first` has taken."""
    wheel = data.write_wheel(folder, project, "1.0")
    body = data.form(wheel, project, "1.0")
    with first.publisher() as publisher, second.client() as reader:
        answer = publisher.send("POST", first.server.uploads or "", body, Content_Type=data.FORM_TYPE)
        if answer.status >= 300:
            raise RuntimeError(f"the upload was refused: {answer.status} {answer.body[:200]!r}")
        taken = time.perf_counter()
        while not _lists(reader, second.page(project), wheel.name):
            if time.perf_counter() > taken + _PATIENCE_SECONDS:
                raise RuntimeError(f"the upload was not visible after {_PATIENCE_SECONDS} s")
        return (time.perf_counter() - taken) * 1e3


def _lists(reader: Client, page: str, filename: str) -> bool:
    answer = reader.send("GET", page, None, Accept=HTML)
    return answer.status == 200 and filename.encode() in answer.body


GROUP = Group(
    "visible",
    "Uploads seen by readers",
    "none",
    (
        Measure(
            "delay",
            (
                Figure("same", "upload's 200 to visible, same server", "ms", more_is_better=False),
                Figure("other", "upload's 200 to visible, another replica", "ms", more_is_better=False),
                Figure("most", "the same, the longest of 10", "ms", more_is_better=False),
            ),
            _delays,
            most_rounds=3,
        ),
    ),
)
