"""One run: servers are installed, measured in rounds of turning order, and ended, whatever happens."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence

from bench.effort import Effort
from bench.measure import TREES, Group, Measure, Subject
from bench.places import ended, kept_folder, memory_folder, work_folder
from bench.report import number
from bench.results import Results
from bench.servers.base import NotOffered, Server
from cluster.progress import log_tail, say

_LOG_LINES = 6


def run(groups: Sequence[Group], servers: Sequence[Server], effort: Effort, results: Results) -> None:
    """Measure these groups of these servers; a failure is reported in the results, and the run goes on."""
    versions, reasons = _installed(servers)
    results.about["servers"] = {
        server.name: {"version": versions.get(server.name), "settings": server.settings} for server in servers
    }
    for group in groups:
        if group.name in effort.left_out:
            say(f"left out, since this is a {effort.name} run: {group.title}")
            results.about.setdefault("left out", []).append(group.title)
            continue
        taking_part = [server for server in servers if group.name in server.groups]
        for server in taking_part:
            if server.name in reasons:
                _lack_all(group.measures, server, group.name, f"not installed: {reasons[server.name]}", results)
        present = [server for server in taking_part if server.name in versions]
        ready = [server for server in present if _prepared(server, group, results)]
        if ready:
            _run_group(group, ready, effort, results)


def _installed(servers: Iterable[Server]) -> tuple[dict[str, str], dict[str, str]]:
    """Install all; return the versions of those that are there, and why the others are not."""
    versions, reasons = {}, {}
    for server in servers:
        try:
            versions[server.name] = server.install()
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are measured
            reasons[server.name] = f"{error}"
            say(f"{server.name} cannot be had: {error}")
    return versions, reasons


def _prepared(server: Server, group: Group, results: Results) -> bool:
    """Have a server store the group's wheels; False: it cannot, as the results tell."""
    try:
        server.prepare(TREES[group.tree]())
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are measured
        say(f"{server.name} cannot be filled: {error}")
        _lack_all(group.measures, server, group.name, f"it could not be filled: {error}", results)
        return False
    return True


def _run_group(group: Group, servers: Sequence[Server], effort: Effort, results: Results) -> None:
    say(f"{group.title}: {', '.join(server.name for server in servers)}")
    tree = TREES[group.tree]()
    if effort.settled:
        os.sync()
    with work_folder() as disk, memory_folder() as memory, ended(disk, "*/processes"):
        subjects = [Subject(server, tree, effort, disk, memory) for server in servers]
        for measure in group.measures:
            _run_measure(group, measure, subjects, results)


def _run_measure(group: Group, measure: Measure, subjects: Sequence[Subject], results: Results) -> None:
    out: set[str] = set()
    for round_ in range(measure.rounds(subjects[0].effort)):
        # The last server of a round is the first of the next: drift during a round favors none.
        for subject in subjects if round_ % 2 == 0 else reversed(subjects):
            if subject.server.name in out:
                continue
            subject.is_first = round_ == 0
            if not _run_once(group, measure, subject, results):
                out.add(subject.server.name)
    _tell(group, measure, subjects, results)


def _run_once(group: Group, measure: Measure, subject: Subject, results: Results) -> bool:
    """Measure once; False: there is nothing to be had by trying again."""
    name = subject.server.name
    try:
        found: Mapping[str, float | NotOffered] = measure.run(subject)
    except NotOffered as reason:
        _lack_all([measure], subject.server, group.name, str(reason), results)
        return False
    except Exception as error:  # noqa: BLE001 - a server that fails is a result, too
        reason_and_log = f"failed: {error!r}" if not str(error) else f"failed: {error}"
        if "the last lines of" not in reason_and_log:
            reason_and_log += _logs(subject)
        # Its folder belonged to this machine, and is gone.
        reason_and_log = reason_and_log.replace(f"{kept_folder()}/", "")
        say(f"{name}, {measure.name}: {reason_and_log.partition('the last lines')[0].partition('; ')[0][:300]}")
        _lack_all([measure], subject.server, group.name, reason_and_log, results)
        return False
    finally:
        _tidy(subject)
    for figure, value in found.items():
        if isinstance(value, NotOffered):
            results.lack((group.name, measure.name, figure), name, str(value))
        else:
            results.add((group.name, measure.name, figure), name, value)
    return True


def _lack_all(measures: Iterable[Measure], server: Server, group: str, reason: str, results: Results) -> None:
    for measure in measures:
        for figure in measure.figures:
            results.lack((group, measure.name, figure.name), server.name, reason)


def _logs(subject: Subject) -> str:
    """Return the last lines of the newest log of the server."""
    logs = sorted(subject.disk.glob("*/logs/*.log"), key=lambda path: path.stat().st_mtime)
    own = [log for log in logs if log.stem == subject.log_name]
    return f"; {log_tail(own[-1], _LOG_LINES)}" if own else ""


def _tidy(subject: Subject) -> None:
    """Remove what clients have left in memory."""
    for each in subject.memory.iterdir():
        shutil.rmtree(each, ignore_errors=True)


def _tell(group: Group, measure: Measure, subjects: Iterable[Subject], results: Results) -> None:
    """Say what came out, for those who watch."""
    figure = measure.figures[0]
    key = (group.name, measure.name, figure.name)
    found = {each.server.name: results.median(key, each.server.name) for each in subjects}
    values = (f"{name} {number(value)}" for name, value in found.items() if value is not None)
    say(f"  {figure.title} ({figure.unit}): {', '.join(values)}")
