"""Writes and removes the children of one resource; every obstacle becomes a Problem here."""

from collections.abc import Iterator
from contextlib import contextmanager

from wheelyard_operator.apply import Applier, LeavingError, NotOursError
from wheelyard_operator.condition_types import READY
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.reconcile.api_refusals import as_problem
from wheelyard_operator.resource import Manifest, Meta


class Children:
    """Each method raises Problem, with the condition that it is given.

    Passing obstacles (an API server that does not answer, a conflict) are raised as ApiError, and
    so is a kind that the cluster does not have.
    """

    def __init__(self, kube: Kube, owner: Meta) -> None:
        self.kube = kube
        self._owner = owner
        self._applier = Applier(kube, owner)

    def ensure(self, desired: Manifest, condition: str = READY) -> Manifest:
        """Return the live object, written only if it differs."""
        with self._problems(_named(desired), condition):
            return self._applier.ensure(desired)

    def would_ensure(self, desired: Manifest, condition: str = READY) -> None:
        """Raise what `ensure` would raise; nothing is written."""
        with self._problems(_named(desired), condition):
            self._applier.would_ensure(desired)

    def check_owned(self, live: Manifest, condition: str = READY) -> None:
        """Check that an object was made for this resource."""
        with self._problems(_named(live), condition):
            self._applier.check_owned(live)

    def own(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return a live child, None if there is none that was made for this resource."""
        return self._applier.own(kind, namespace, name)

    def hand_over_field(self, live: Manifest, field: str) -> None:
        """Hand a field of its spec over; see `Applier.hand_over_field`."""
        with self._problems(_named(live), READY):
            self._applier.hand_over_field(live, field)

    def remove(self, kind: str, namespace: str, name: str, condition: str = READY) -> None:
        """Delete a child that is no longer wanted; objects of others stay."""
        with self._problems(f"the deletion of {kind} {namespace}/{name}", condition):
            self._applier.remove(kind, namespace, name)

    def patch(self, live: Manifest, patch: Manifest, condition: str = READY) -> None:
        """Merge into an object that a child created, such as a pod."""
        metadata = live["metadata"]
        with self._problems(_named(live), condition):
            self.kube.patch(live["kind"], metadata["namespace"], metadata["name"], patch)

    @contextmanager
    def _problems(self, what: str, condition: str) -> Iterator[None]:
        try:
            yield
        except (NotOursError, LeavingError, ApiError) as error:
            raise as_problem(error, self._owner, what, condition) from error


def _named(body: Manifest) -> str:
    return f"{body['kind']} {body['metadata']['namespace']}/{body['metadata']['name']}"
