"""At rest the operator is quiet: two resyncs of many indexes and users write nothing.

The real queue and reconcilers run, on a clock of their own only in how often they come back. With
INDEXES=100 in the environment there are 1,000 users, which takes many minutes on two busy cores;
else a tenth of that.
"""

import asyncio
import contextlib
import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from apiserver.world import run_cluster
from cluster import ApiServer
from support.rest import Rest
from wheelyard_operator.__main__ import reconciler
from wheelyard_operator.kube import Kube, RealKube
from wheelyard_operator.process.calls import Calls
from wheelyard_operator.process.leadership import Alone
from wheelyard_operator.process.metrics import Metrics
from wheelyard_operator.process.queue import WorkQueue
from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.resource import API_VERSION, INDEX, USER, Key
from wheelyard_operator.settings import Settings

INDEXES = int(os.environ.get("INDEXES", "10"))
USERS = 10 * INDEXES
RESYNC_SECONDS = 2
PATIENCE_SECONDS = 600
THREADS = 8


class Tally:
    """Counts how often each key was reconciled, and how many objects of a kind were read in lists."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        calls = Calls(Alone(), Metrics(), lambda: None)
        self._reconcile = reconciler(
            cast("Kube", self), calls, Settings(image="registry.example/wheelyard:1", allowed_buckets=("*",))
        )
        self.runs: Counter[Key] = Counter()
        self.listed: Counter[str] = Counter()

    def __call__(self, key: Key) -> Outcome:
        outcome = self._reconcile(key)
        self.runs[key] += 1
        return outcome

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._kube, verb)

    def list(self, kind: str, *arguments: Any, **options: Any) -> Any:
        found = self._kube.list(kind, *arguments, **options)
        self.listed[kind] += len(found)
        return found


def declare(rest: Rest, namespace: str) -> list[Key]:
    """Have all indexes, on volumes since nothing outside of the cluster is the matter here, and their users."""
    indexes = [
        (INDEX, f"index-{number}", {"storage": {"volume": {"size": "1Gi"}}, "replicas": 1})
        for number in range(INDEXES)
    ]
    users = [
        (USER, f"user-{number}", {"indexRef": {"name": f"index-{number % INDEXES}"}}) for number in range(USERS)
    ]

    def create(resource: tuple[str, str, dict[str, Any]]) -> Key:
        kind, name, spec = resource
        metadata = {"name": name, "namespace": namespace}
        rest.create({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})
        return Key(kind, namespace, name)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(create, [*indexes, *users]))


def unready(rest: Rest, namespace: str) -> int:
    """Count the resources that are not ready; the cluster does its part meanwhile."""
    run_cluster(rest, namespace)
    resources = [*rest.list(INDEX, namespace), *rest.list(USER, namespace)]
    return sum(
        not any(
            (each["type"], each["status"]) == ("Ready", "True")
            for each in body.get("status", {}).get("conditions", ())
        )
        for body in resources
    )


def writes(api: ApiServer, since: int) -> list[str]:
    """Return what the operator wrote, as the API server's audit log has it, after so many bytes of the log."""
    with api.audit_log.open("rb") as log:
        log.seek(since)
        events = [json.loads(line) for line in log if line.endswith(b"\n")]
    return [
        f"{each['verb']} {each['requestURI']}"
        for each in events
        if each.get("userAgent", "").startswith("OpenAPI-Generator")
        and each["verb"] not in {"get", "list", "watch"}
    ]


async def until(condition: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, f"{what} takes longer than {PATIENCE_SECONDS} s"
        await asyncio.sleep(0.2)


async def test_two_resyncs_of_many_indexes_and_users_write_nothing(
    api: ApiServer, rest: Rest, kube: RealKube, namespace: str
) -> None:
    keys, tally = declare(rest, namespace), Tally(kube)
    queue = WorkQueue(tally, workers=THREADS, resync_seconds=RESYNC_SECONDS)
    for key in keys:
        queue.add(key)
    running = asyncio.create_task(queue.run())
    try:
        await until(lambda: unready(rest, namespace) == 0, "getting ready")
        settled = Counter(tally.runs)
        await until(lambda: all(tally.runs[key] > settled[key] + 1 for key in keys), "coming to rest")
        before, runs, listed = api.audit_log.stat().st_size, Counter(tally.runs), Counter(tally.listed)
        assert len(writes(api, 0)) > len(keys), "the log has what it wrote before"
        await until(lambda: all(tally.runs[key] >= runs[key] + 2 for key in keys), "two resyncs")
        done = tally.runs - runs
        assert writes(api, before) == []
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    passes = max(done[key] for key in keys if key.kind == INDEX) + 1
    assert (tally.listed - listed)[USER] <= USERS * passes, "an index reads its own users alone"


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Leave out the thousands of lines about conditions."""
    caplog.set_level("WARNING", logger="wheelyard_operator")
