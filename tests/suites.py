"""`make test`: each suite runs to its end, and one screen then says what failed and where to look."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from cluster.paths import REPOSITORY
from cluster.progress import say, step

LOGS = REPOSITORY / "dist/test"
_SHOWN_FAILURES = 30
_CLOSING_LINE = re.compile(r"^=+ .*\b(?:passed|failed|errors?|skipped)\b.* in [\d.]+s.*=$", re.MULTILINE)
_COUNT = re.compile(r"(\d+) (passed|failed|error|skipped)")
_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Suite:
    """A target of the Makefile."""

    target: str
    usual_time: str


PREPARATION = Suite("test-programs", "once about 15 minutes, then a second")
LANES = (
    (Suite("e2e", "about 10 minutes"),),
    (
        Suite("unit", "about 5 minutes"),
        Suite("apiserver", "about 5 minutes"),
    ),
    (
        Suite("lint", "about half a minute"),
        Suite("integration", "about 9 minutes"),
        Suite("chart", "about half a minute"),
    ),
)
"""What runs at the same time: the tests on the cluster wait half of the time, and many
others for servers that they start.

No lane is run by `nice`: under the load of other programs it would get next to nothing.
"""


@dataclass(frozen=True)
class Result:
    """What became of a suite."""

    suite: Suite
    status: int
    seconds: float
    log: Path

    @property
    def counts(self) -> Counter[str]:
        """Return how many tests passed, failed and were skipped, as pytest's last line says."""
        closing = _CLOSING_LINE.findall(self._text)
        counts = Counter({kind: int(count) for count, kind in _COUNT.findall(closing[-1] if closing else "")})
        counts["failed"] += counts.pop("error", 0)
        if self.status and not counts["failed"]:
            counts["failed"] = 1
        return counts

    @property
    def failures(self) -> list[str]:
        """Return pytest's line of each failure; of what is no pytest, or did not come so far, its last line."""
        found = _FAILURE.findall(self._text)
        return found or self._text.strip().splitlines()[-1:]

    @property
    def _text(self) -> str:
        return self.log.read_text(errors="replace")


def run(preparation: Suite, lanes: Iterable[Iterable[Suite]], folder: Path, logs: Path) -> list[Result]:
    """Run the preparation, then all lanes at once, the suites of each in order; none stops the others."""
    logs.mkdir(parents=True, exist_ok=True)
    first = _run(preparation, folder, logs)
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(_run_lane, lane, folder, logs) for lane in lanes]
        return [first, *chain.from_iterable(lane.result() for lane in running)]


def screen(results: Iterable[Result]) -> str:
    """Return what became of all suites; the last line has all counts."""
    total: Counter[str] = Counter()
    lines, failures = [], []
    for result in results:
        total += result.counts
        verdict = "FAILED" if result.status else "passed"
        lines.append(f"{result.suite.target:16}{verdict:8}{result.seconds:6.0f} s  {_counted(result.counts)}")
        if result.status:
            failures += [f"{result.suite.target}: the whole log is {result.log}"]
            failures += [f"    {failure[:200]}" for failure in result.failures]
    if len(failures) > _SHOWN_FAILURES:
        failures = [*failures[:_SHOWN_FAILURES], f"and {len(failures) - _SHOWN_FAILURES} more lines, in the logs"]
    return "\n".join(["", *lines, "", *failures, _counted(total)])


def _run_lane(lane: Iterable[Suite], folder: Path, logs: Path) -> list[Result]:
    return [_run(suite, folder, logs) for suite in lane]


def _run(suite: Suite, folder: Path, logs: Path) -> Result:
    log, began = logs / f"{suite.target}.log", time.monotonic()
    # The jobs and flags of the make that runs all of this are not for this one.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }
    command = ["make", "--no-print-directory", suite.target]
    with step(f"make {suite.target}", suite.usual_time), log.open("w") as output:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    result = Result(suite, done.returncode, time.monotonic() - began, log)
    if done.returncode:
        say(f"make {suite.target} FAILED: {log}")
    return result


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in ("passed", "failed", "skipped"))


def main() -> int:
    """Run everything, and return 1 if anything failed."""
    results = run(PREPARATION, LANES, REPOSITORY, LOGS)
    sys.stdout.write(f"{screen(results)}\n")
    return 1 if any(result.status for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
