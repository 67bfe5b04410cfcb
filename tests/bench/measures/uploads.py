"""Uploads into an empty index: small ones for a second or two, and one of 1 GB."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from bench import data, load, machine
from bench.load import Send
from bench.measure import Figure, Group, Measure, Subject
from bench.servers.base import NotOffered, Running
from bench.web import basic

_BLOCK = 1 << 20
_IN_SEQUENCE = 4_000
"""The number of forms for uploads one after the other."""


def _target(running: Running) -> str:
    if running.server.uploads is None:
        raise NotOffered("it takes no uploads")
    return running.server.uploads


def _sends(running: Running, numbers: range) -> Sequence[Send]:
    server, target, forms = running.server, _target(running), data.forms()
    ends = numbers if server.upload_method == "PUT" else [""] * len(numbers)
    return [
        Send(f"{target}{end}", server.upload_method, forms / str(number))
        for number, end in zip(numbers, ends, strict=True)
    ]


def _small(subject: Subject) -> dict[str, float]:
    if subject.server.uploads is None:
        raise NotOffered("it takes no uploads")
    with subject.fresh(None) as running:
        headers = {"Authorization": basic(*running.login), "Content-Type": data.FORM_TYPE}
        one = _run(subject, running, range(_IN_SEQUENCE), headers, 1)
        many = _run(subject, running, range(_IN_SEQUENCE, data.SMALL_UPLOADS), headers, 8)
    return {"one": one.rate, "eight": many.rate, "cpu": many.cpu_microseconds / 1e3, "p99": many.p99}


def _run(
    subject: Subject, running: Running, numbers: range, headers: dict[str, str], connections: int
) -> load.Result:
    # Slow servers need a while for the few that are to be counted.
    seconds = subject.effort.seconds
    result = load.run(running, _sends(running, numbers), seconds, headers, connections)
    if result.requests > len(numbers):
        raise RuntimeError(f"{len(numbers)} forms were not enough for {seconds} s: make more")
    return result


def _large(subject: Subject) -> dict[str, float]:
    if subject.server.uploads is None:
        raise NotOffered("it takes no uploads")
    wheel, reference = data.large_wheel(), _hash_and_copy(subject.folder())
    with subject.fresh(None) as running:
        before = running.usage()
        machine.forget_peaks(running.pids)
        begun = time.perf_counter()
        _send_large(running, wheel)
        seconds = time.perf_counter() - begun
        used = running.usage().since(before)
        peak = machine.peak_megabytes(running.pids)
    return {
        "seconds": seconds,
        "ratio": seconds / reference,
        "peak": peak,
        "cpu": used.cpu_seconds,
        "passed": used.bytes_passed / wheel.stat().st_size,
    }


def _send_large(running: Running, wheel: Path) -> None:
    target = _target(running)
    head = _head(wheel)
    length = len(head) + wheel.stat().st_size + len(data.FORM_TAIL)
    path = f"{target}large" if running.server.upload_method == "PUT" else target
    with running.publisher() as client:
        answer = client.send(
            running.server.upload_method,
            path,
            _body(head, wheel),
            Content_Type=data.FORM_TYPE,
            Content_Length=str(length),
        )
    if answer.status >= 300:
        raise NotOffered(f"it answers {answer.status}: {answer.body[:100].decode(errors='replace').strip()}")


@cache
def _head(wheel: Path) -> bytes:
    return data.form_head(wheel, "made-large", "1.0")


def _body(head: bytes, wheel: Path) -> Iterator[bytes]:
    yield head
    with wheel.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
    yield data.FORM_TAIL


def _hash_and_copy(folder: Path) -> float:
    """Return how long it takes to hash the file and to write it durably, as the least that has to be done."""
    begun, digest, copy = time.perf_counter(), hashlib.sha256(), folder / "copy"
    with data.large_wheel().open("rb") as source, copy.open("wb") as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    seconds = time.perf_counter() - begun
    copy.unlink()
    return seconds


GROUP = Group(
    "uploads",
    "Uploads",
    "none",
    (
        Measure(
            "small",
            (
                Figure("one", "small, one after the other", "uploads/s"),
                Figure("eight", "small, 8 at once", "uploads/s"),
                Figure("cpu", "small: server CPU", "ms per upload", more_is_better=False),
                Figure("p99", "small, 8 at once: 99th percentile", "ms", more_is_better=False),
            ),
            _small,
        ),
        Measure(
            "large",
            (
                Figure("seconds", "1 GB", "s", more_is_better=False),
                Figure("ratio", "1 GB, to hashing and copying it", "x", more_is_better=False),
                Figure("peak", "1 GB: peak memory", "MB", more_is_better=False),
                Figure("cpu", "1 GB: server CPU", "s", more_is_better=False),
                Figure("passed", "1 GB: bytes read and written in files", "per byte", more_is_better=False),
            ),
            _large,
            most_rounds=3,
        ),
    ),
)
