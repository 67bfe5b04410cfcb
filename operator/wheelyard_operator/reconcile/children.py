"""The children of one resource: what stands in the way of any of them is a Problem, on this path alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from wheelyard_operator.apply import Applier, LeavingError, NotOursError
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.problems import READY
from wheelyard_operator.reconcile.refusals import as_problem
from wheelyard_operator.resource import Manifest, Meta


class Children:
    """Makes and removes them. Each method raises Problem, of the condition that it is given.

    What passes by itself (an API server that does not answer, a conflict) is raised as ApiError, and so is a kind
    that the cluster does not have.
    """

    def __init__(self, kube: Kube, owner: Meta) -> None:
        self._kube = kube
        self._owner = owner
        self._applier = Applier(kube, owner)

    def ensure(self, desired: Manifest, condition: str = READY) -> Manifest:
        """Return the live object, written only if it differs."""
        with self._problems(_named(desired), condition):
            return self._applier.ensure(desired)

    def would_ensure(self, desired: Manifest, condition: str = READY) -> None:
        """Find out whether it can be made so; nothing is written."""
        with self._problems(_named(desired), condition):
            self._applier.would_ensure(desired)

    def check_owned(self, live: Manifest, condition: str = READY) -> None:
        """See to it that an object was made for this resource."""
        with self._problems(_named(live), condition):
            self._applier.check_owned(live)

    def own(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return a child as it is, None where there is none that was made for this resource."""
        return self._applier.own(kind, namespace, name)

    def cede(self, live: Manifest, field: str) -> None:
        """Leave a field of its spec to others; see `Applier.cede`."""
        with self._problems(_named(live), READY):
            self._applier.cede(live, field)

    def remove(self, kind: str, namespace: str, name: str, condition: str = READY) -> None:
        """Delete a child that is no longer wanted; what is not ours stays."""
        with self._problems(f"the deletion of {kind} {namespace}/{name}", condition):
            self._applier.remove(kind, namespace, name)

    def patch(self, live: Manifest, patch: Manifest, condition: str = READY) -> None:
        """Merge into an object that a child made, such as a pod."""
        metadata = live["metadata"]
        with self._problems(_named(live), condition):
            self._kube.patch(live["kind"], metadata["namespace"], metadata["name"], patch)

    @contextmanager
    def _problems(self, what: str, condition: str) -> Iterator[None]:
        try:
            yield
        except (NotOursError, LeavingError, ApiError) as error:
            raise as_problem(error, self._owner, what, condition) from error


def _named(body: Manifest) -> str:
    return f"{body['kind']} {body['metadata']['namespace']}/{body['metadata']['name']}"
