"""Filling a server through its own upload API, if it has no quicker way."""

import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

from packaging.utils import parse_wheel_filename

from bench import data
from bench.data import Tree
from bench.servers.base import Running
from bench.web import Client
from cluster.progress import ClusterError, log_tail, say

READY_SECONDS = 60


def publish(running: Running, tree: Tree, workers: int) -> None:
    """Upload all wheels of a tree that the server accepts, projects at the same time."""
    most = running.server.max_files
    projects = [each for each in tree.projects() if most is None or len(tree.files(each)) <= most]
    with ThreadPoolExecutor(workers) as pool:
        for number, _ in enumerate(pool.map(lambda project: _publish_project(running, tree, project), projects)):
            if number % 500 == 499:
                say(f"{running.server.name}: {number + 1} of {len(projects)} projects uploaded")


def upload(running: Running, wheel: Path, project: str) -> None:
    """Upload one wheel; anything but a success is an error."""
    with running.publisher() as client:
        _upload(running, client, wheel, project)


def _publish_project(running: Running, tree: Tree, project: str) -> None:
    with running.publisher() as client:
        for wheel in tree.files(project):
            _upload(running, client, wheel, project)


def _upload(running: Running, client: Client, wheel: Path, project: str) -> None:
    version = str(parse_wheel_filename(wheel.name)[1])
    body = data.form(wheel, project, version)
    answer = client.send("POST", running.server.uploads or "", body, Content_Type=data.FORM_TYPE)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"{running.server.name} refuses {wheel.name}: {answer.status} {answer.body[:300]!r}")


def wait_until_answers(running: Running, path: str, seconds: float = READY_SECONDS, step: float = 0.05) -> float:
    """Return how long it took until a GET of this path was answered well."""
    begun, last = time.monotonic(), "nothing"
    while time.monotonic() < begun + seconds:
        try:
            with running.client() as client:
                answer = client.send("GET", path)
                if answer.status == HTTPStatus.OK:
                    return time.monotonic() - begun
                last = f"{answer.status} {answer.body[:200]!r}"
        except OSError as error:
            last = str(error)
        if not running.pids:
            break
        time.sleep(step)
    log = running.supervisor.log(running.programs[0])
    raise ClusterError(f"{running.server.name} answers GET {path} with {last}; {log_tail(log)}")
