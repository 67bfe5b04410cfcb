"""Stands before every call to the outside: checks leadership, counts, and records heartbeats.

The client of the Lease alone does not pass here: without the Lease no operator leads, and a Lease
that cannot be renewed must not look like progress.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.process.leadership import Leader, LeadershipLostError
from wheelyard_operator.process.metrics import Metrics
from wheelyard_operator.provision.issuers import Fetch
from wheelyard_operator.resource import Manifest

OK = "ok"
NO_ANSWER = "none"
_Answer = TypeVar("_Answer")


class Calls:
    """Checks and counts calls, in the thread that makes them."""

    def __init__(self, leader: Leader, metrics: Metrics, heartbeat: Callable[[], None]) -> None:
        self._leader = leader
        self._metrics = metrics
        self._heartbeat = heartbeat

    def check(self) -> None:
        """Raise LeadershipLostError unless this operator leads at this moment."""
        if not self._leader.leads:
            raise LeadershipLostError

    @contextmanager
    def counted(self, verb: str, kind: str) -> Iterator[None]:
        """Count a call to the API server."""
        status = OK
        try:
            yield
        except ApiError as error:
            status = str(error.status) if error.status else NO_ANSWER
            raise
        finally:
            self._metrics.kubernetes_requests.labels(verb, kind, status).inc()
            self._heartbeat()

    def watch_client(self, client: Any) -> None:
        """Count each attempt of a boto3 client's calls, and refuse it without leadership."""
        client.meta.events.register_first("before-send", self._before_attempt)
        client.meta.events.register("needs-retry", self._after_attempt)

    def failure_counter(self, loop: str) -> Callable[[], object]:
        """Return a function that counts an unexpected error of a loop."""
        return self._metrics.failure_counter(loop)

    def to_issuers(self, fetch: Fetch) -> Fetch:
        """Count each request to an issuer: a resource may name many that do not answer."""

        def counted(url: str) -> Manifest:
            with self._counted_http("issuer") as succeed:
                answer = fetch(url)
                succeed()
                return answer

        return counted

    def to_servers(self, ask: Callable[[Manifest], _Answer | None]) -> Callable[[Manifest], _Answer | None]:
        """Count each request to an index server.

        Anyone who can create a pod may let it not answer.
        """

        def counted(pod: Manifest) -> _Answer | None:
            with self._counted_http("server") as succeed:
                answer = ask(pod)
                if answer is not None:
                    succeed()
                return answer

        return counted

    @contextmanager
    def _counted_http(self, service: str) -> Iterator[Callable[[], None]]:
        """Count a request that writes nothing.

        It has no answer unless the given function is called.
        """
        status = NO_ANSWER

        def succeed() -> None:
            nonlocal status
            status = OK

        try:
            yield succeed
        finally:
            self._metrics.http_requests.labels(service, status).inc()
            self._heartbeat()

    def _before_attempt(self, **_: Any) -> None:
        self.check()

    def _after_attempt(self, operation: Any, response: Any, caught_exception: Any, **_: Any) -> None:
        if isinstance(caught_exception, LeadershipLostError):
            return
        service, status = operation.service_model.service_name, NO_ANSWER
        if response is not None:
            status = str(response[0].status_code)
        self._metrics.aws_requests.labels(service, operation.name, status).inc()
        self._heartbeat()


class GuardedKube:
    """A cluster to which only the leader can write; this is checked at each call."""

    def __init__(self, kube: Kube, calls: Calls) -> None:
        self._kube = kube
        self._calls = calls

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """See `Kube.get`."""
        with self._calls.counted("get", kind):
            return self._kube.get(kind, namespace, name)

    def metadata(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """See `Kube.metadata`."""
        with self._calls.counted("get", kind):
            return self._kube.metadata(kind, namespace, name)

    def list(self, kind: str, namespace: str = "", selector: str = "", fields: str = "") -> list[Manifest]:
        """See `Kube.list`."""
        with self._calls.counted("list", kind):
            return self._kube.list(kind, namespace, selector, fields)

    def document(self, path: str) -> Manifest:
        """See `Kube.document`."""
        with self._calls.counted("get", "document"):
            return self._kube.document(path)

    def apply(self, manifest: Manifest, manager: str = "") -> Manifest:
        """See `Kube.apply`."""
        self._calls.check()
        with self._calls.counted("apply", manifest["kind"]):
            return self._kube.apply(manifest, manager)

    def would_apply(self, manifest: Manifest) -> None:
        """See `Kube.would_apply`."""
        with self._calls.counted("apply", manifest["kind"]):
            self._kube.would_apply(manifest)

    def patch(
        self, kind: str, namespace: str, name: str, patch: Manifest, subresource: str = ""
    ) -> Manifest | None:
        """See `Kube.patch`."""
        self._calls.check()
        with self._calls.counted("patch", f"{kind}/{subresource}" if subresource else kind):
            return self._kube.patch(kind, namespace, name, patch, subresource)

    def create(self, manifest: Manifest) -> None:
        """See `Kube.create`."""
        self._calls.check()
        with self._calls.counted("create", manifest["kind"]):
            self._kube.create(manifest)

    def delete(self, kind: str, namespace: str, name: str, uid: str) -> None:
        """See `Kube.delete`."""
        self._calls.check()
        with self._calls.counted("delete", kind):
            self._kube.delete(kind, namespace, name, uid)
