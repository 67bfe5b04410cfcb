"""Load by wrk: one thread, connections that are kept, requests of a list in turn."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from bench.servers.base import Running

SCRIPT = Path(__file__).with_name("wrk.lua")
CONNECTIONS = 32


class Send(NamedTuple):
    """One request."""

    path: str
    method: str = "GET"
    body: Path | None = None


@dataclass(frozen=True)
class Result:
    """What one run of load came to."""

    requests: int
    seconds: float
    bytes: int
    p50: float
    p99: float
    """Milliseconds."""
    cpu_seconds: float
    """Processor time of the server."""

    @property
    def rate(self) -> float:
        """Return requests in a second."""
        return self.requests / self.seconds

    @property
    def megabytes_per_second(self) -> float:
        """Return what came back."""
        return self.bytes / 1e6 / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Return the server's processor time for one request."""
        return self.cpu_seconds * 1e6 / self.requests


def run(
    running: Running,
    requests: Sequence[Send],
    seconds: int,
    headers: Mapping[str, str] | None = None,
    connections: int = CONNECTIONS,
) -> Result:
    """Send these requests in turn for so long; an answer that is an error is an error here."""
    before = running.usage()
    said = _wrk(running.url, requests, seconds, {**running.reading, **(headers or {})}, connections)
    used = running.usage().since(before)
    if not said["requests"]:
        raise RuntimeError(f"no answer in {seconds} s")
    if said["refused"] or said["failed"]:
        raise RuntimeError(f"{said['refused']:.0f} answers were errors, {said['failed']:.0f} requests failed")
    return Result(
        int(said["requests"]), said["seconds"], int(said["bytes"]), said["p50"], said["p99"], used.cpu_seconds
    )


def _wrk(
    url: str, requests: Sequence[Send], seconds: int, headers: Mapping[str, str], connections: int
) -> dict[str, float]:
    with NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.writelines(f"{each.method} {each.path} {each.body or ''}\n" for each in requests)
        listed.flush()
        options = [option for name, value in headers.items() for option in ("--header", f"{name}: {value}")]
        command = ("wrk", "--threads", "1", "--connections", str(connections), "--timeout", "60s")
        duration = ("--duration", f"{seconds}s")
        done = subprocess.run(
            [*command, *duration, *options, "--script", SCRIPT, url, "--", listed.name],
            capture_output=True,
            text=True,
            timeout=seconds + 90,
            check=False,
        )
    result = done.stdout.partition("RESULT ")[2]
    if done.returncode or not result:
        raise RuntimeError(f"wrk: {done.stdout[-300:]} {done.stderr[-300:]}")
    said: dict[str, float] = json.loads(result)
    return said
