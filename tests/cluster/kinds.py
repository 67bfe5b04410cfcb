"""The three kinds of cluster that CLUSTER can name, behind one set of commands."""

import os
from typing import Protocol

from . import current, kind, local
from .handle import Cluster
from .progress import ClusterError


class ClusterKind(Protocol):
    """What the module of every kind can do; where one cannot, it raises a ClusterError that says why."""

    def build(self) -> None:
        """Get everything that takes long, so that `up` is quick."""

    def up(self) -> None:
        """Bring up what is not up, S3 included, and return when it can be used."""

    def up_s3(self) -> None:
        """Bring up S3 and IAM alone."""

    def down(self) -> None:
        """Take away what `up` brought."""

    def load_images(self) -> None:
        """Build this working tree's images and make the cluster know them."""

    def status(self) -> dict[str, bool]:
        """Tell, by name, which parts run."""

    def leftovers(self) -> list[str]:
        """Name what is left of a cluster on this machine; nothing after `down`."""

    def connect(self, *, with_images: bool) -> Cluster:
        """Describe the cluster that is up; an error if it is not, or if images are wanted and missing."""


def chosen() -> ClusterKind:
    """Return the kind that the environment variable CLUSTER names; `local` if it names none."""
    kinds: dict[str, ClusterKind] = {"local": local, "kind": kind, "current": current}
    name = os.environ.get("CLUSTER") or "local"
    if name not in kinds:
        raise ClusterError(f"CLUSTER={name} is unknown; there are {', '.join(kinds)}")
    return kinds[name]
