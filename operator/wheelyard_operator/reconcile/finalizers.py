"""Sets and removes the finalizers of an index.

What must be removed that no garbage collector knows.
"""

from dataclasses import dataclass

from wheelyard_operator.kube import Kube
from wheelyard_operator.resource import INDEX, PackageIndex


@dataclass(frozen=True)
class Finalizers:
    """Changes the list of finalizers.

    Every method returns the index as it is now, None if it is gone.
    """

    kube: Kube

    def add(self, index: PackageIndex, missing: list[str]) -> PackageIndex | None:
        """Add finalizers."""
        return self._set(index, [*index.meta.finalizers, *missing])

    def remove(self, index: PackageIndex, finalizer: str) -> PackageIndex | None:
        """Remove a finalizer."""
        return self._set(index, [each for each in index.meta.finalizers if each != finalizer])

    def _set(self, index: PackageIndex, finalizers: list[str]) -> PackageIndex | None:
        # The version makes the API server refuse if someone else has changed the list meanwhile.
        metadata = {"finalizers": finalizers, "resourceVersion": index.meta.resource_version}
        live = self.kube.patch(INDEX, index.meta.namespace, index.meta.name, {"metadata": metadata})
        return PackageIndex.parse({"kind": INDEX, **live}) if live else None


def missing_finalizers(index: PackageIndex) -> list[str]:
    """Return the finalizers that an index needs and does not have."""
    return [each for each in index.finalizers if each not in index.meta.finalizers]
