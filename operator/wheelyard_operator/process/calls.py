"""Every call to the outside passes here: whoever does not lead writes nothing, and what is asked is counted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.process.leadership import Leader, LeadershipLostError
from wheelyard_operator.process.metrics import Metrics
from wheelyard_operator.provision.issuers import Fetch
from wheelyard_operator.resource import Manifest

OK = "ok"
NO_ANSWER = "none"


class Calls:
    """What happens before and after each call, in the thread that makes it."""

    def __init__(self, leader: Leader, metrics: Metrics, sign_of_life: Callable[[], None]) -> None:
        self._leader = leader
        self._metrics = metrics
        self._sign_of_life = sign_of_life

    def check(self) -> None:
        """Raise LeadershipLostError, unless this operator leads at this moment."""
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
            self._sign_of_life()

    def watch_client(self, client: Any) -> None:
        """Have each attempt of a boto3 client's calls counted, and refused while this operator does not lead."""
        client.meta.events.register_first("before-send", self._before_attempt)
        client.meta.events.register("needs-retry", self._after_attempt)

    def failed(self, loop: str) -> Callable[[], object]:
        """Return what counts an error of a loop that nobody expects."""
        return self._metrics.failed(loop)

    def of_issuers(self, fetch: Fetch) -> Fetch:
        """Have fetching an issuer's keys count as a sign of life: a resource may name many that do not answer."""

        def fetched(url: str) -> Manifest:
            try:
                return fetch(url)
            finally:
                self._sign_of_life()

        return fetched

    def _before_attempt(self, **_: Any) -> None:
        self.check()

    def _after_attempt(self, operation: Any, response: Any, caught_exception: Any, **_: Any) -> None:
        if isinstance(caught_exception, LeadershipLostError):
            return
        service, status = operation.service_model.service_name, NO_ANSWER
        if response is not None:
            status = str(response[0].status_code)
        self._metrics.aws_requests.labels(service, operation.name, status).inc()
        self._sign_of_life()


class GuardedKube:
    """A cluster to which only the leader may write, at the moment of each call."""

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

    def patch(self, kind: str, namespace: str, name: str, patch: Manifest, subresource: str = "") -> None:
        """See `Kube.patch`."""
        self._calls.check()
        with self._calls.counted("patch", f"{kind}/{subresource}" if subresource else kind):
            self._kube.patch(kind, namespace, name, patch, subresource)

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
