"""`python -m bench`: measures, prints what was reached, and writes a report to `results/`."""

import argparse
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn, TypeVar

from bench import machine, plots, report, run
from bench.effort import EFFORTS, FULL
from bench.measures import BY_NAME as GROUPS
from bench.places import RESULTS
from bench.results import Results
from bench.servers import BY_NAME as SERVERS
from cluster.paths import locked
from cluster.progress import ClusterError, say

T = TypeVar("T")

_BUSY = (
    "this machine is busy: {share:.0%} of its processors are in use. Wait until it is idle; --no-idle-check (make "
    "bench NO_IDLE_CHECK=1) measures all the same and says so in the report"
)


def main() -> int:
    """Run the bench and return the exit status."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _main(arguments)
    except ClusterError as error:
        say(f"error: {error}")
    except KeyboardInterrupt:
        say("interrupted: all servers are ended, nothing is written")
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--effort", choices=EFFORTS, default=FULL.name, help="default: %(default)s")
    parser.add_argument("--only", default="", metavar="GROUP,...", help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--servers", default="", metavar="NAME,...", help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--no-idle-check", action="store_true", help="measure on a busy machine, too")
    return parser.parse_args()


def _main(arguments: argparse.Namespace) -> int:
    groups, servers = _chosen(arguments.only, GROUPS), _chosen(arguments.servers, SERVERS)
    effort = EFFORTS[arguments.effort]
    results = Results(_about(effort.name, arguments))
    with locked("bench"):
        run.run(groups, servers, effort, results)
    name = "partial" if arguments.only or arguments.servers else effort.name
    RESULTS.mkdir(exist_ok=True)
    results.save(RESULTS / f"{name}.json")
    pictures = plots.write(results, RESULTS, name)
    (RESULTS / f"{name}.md").write_text(report.markdown(results, pictures))
    sys.stdout.write(f"{report.reach(results)}\n\nThe report is {RESULTS / name}.md\n")
    return 0


def _chosen(names: str, known: Mapping[str, T]) -> list[T]:
    """Return what these names, with commas between them, stand for; all, if there are none."""
    wanted = [each for each in names.replace(",", " ").split() if each]
    if unknown := set(wanted) - set(known):
        raise ClusterError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [known[each] for each in wanted or known]


def _about(effort: str, arguments: argparse.Namespace) -> dict[str, object]:
    share = machine.busy_share()
    if share > machine.IDLE_SHARE and not arguments.no_idle_check:
        raise ClusterError(_BUSY.format(share=share))
    idle = share <= machine.IDLE_SHARE
    checked = "passed" if idle else "switched off: the machine was busy, so no figure is worth anything"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "run": effort + (f", only {arguments.only}" if arguments.only else ""),
        "machine": machine.description(),
        "idle check": f"{checked} ({share:.0%} in use by others)",
    }


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
