"""An index that is being used all the time: it shows whether anybody would notice what happens meanwhile."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from cluster import Cluster
from support.here import Here


class Busy:
    """That index, `main`, and the load on it."""

    def __init__(self, here: Here, running: Future[dict[str, Any]]) -> None:
        self.here = here
        self._running = running

    def end(self) -> dict[str, Any]:
        """Stop the load and return what came of it."""
        self.here.stop_load()
        result = self._running.result(60)
        print({name: value for name, value in result.items() if name != "history"})  # noqa: T201
        return result

    def status(self) -> dict[str, Any]:
        """Return the status of the index."""
        found: dict[str, Any] = self.here.kubectl.get("-n", self.here.namespace, "packageindex", "main")["status"]
        return found


@contextmanager
def busy_index(here: Here, bucket: str, cluster: Cluster, operations_a_second: float) -> Iterator[Busy]:
    """Make the index with two servers and the user `ci`, and use it from the pod `client`: installs and uploads."""
    grants = [{"subjects": ["user:" + here.namespace + ".ci"], "verbs": ["read", "publish"]}]
    here.index(bucket, spec={"replicas": 2, "access": {"grants": grants}})
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    here.client_pod(cluster)
    here.wait_for("packageindex", "main", "Reconciling", "Settled")
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
    with ThreadPoolExecutor(1) as threads:
        yield Busy(here, threads.submit(here.load, operations_a_second))
        here.stop_load()
