"""Namespaces and buckets of a test's own: what a test leaves goes while the next ones run."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager

from mypy_boto3_s3 import S3Client

from support import buckets
from support.kubectl import Kubectl, eventually
from support.occupancy import Occupancy

LABEL = "wheelyard.dev/e2e"
"""Marks the namespaces that tests make."""
SECONDS = 120
"""Within which all of a namespace or a bucket is gone: servers end what they do, and the machine may be busy."""

EMPTY_LOOKS = 40
"""Times that a bucket is seen empty before it counts as removed."""


class Removals:
    """Namespaces and buckets that are being removed. They occupy the cluster until they are gone."""

    def __init__(self, occupancy: Occupancy) -> None:
        self._occupancy = occupancy
        self._pool = ThreadPoolExecutor(max_workers=4)
        self._running: list[Future[None]] = []

    def begin(self, removal: Callable[[], None]) -> None:
        """Remove something from now on, without waiting for it."""
        use = ExitStack()
        use.enter_context(self._occupancy.with_others())
        self._running.append(self._pool.submit(_remove_in, use, removal))

    def settle(self) -> None:
        """Return when nothing is being removed."""
        wait(self._running)

    def check(self) -> None:
        """Return when nothing is being removed; what could not be removed is an error."""
        running, self._running = self._running, []
        for each in running:
            each.result()


def _remove_in(use: ExitStack, removal: Callable[[], None]) -> None:
    with use:
        removal()


@contextmanager
def new_namespace(kubectl: Kubectl, removals: Removals) -> Iterator[str]:
    """Make a namespace and delete it.

    Its objects go first. Kubernetes deletes a namespace's pods first and then comes back for the
    rest after half of their grace period, which is minutes for an index server.
    """
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, f"{LABEL}=")
    yield name
    delete = ("-n", name, "delete", "packageindexes,indexusers,packageexceptions", "--all")
    kubectl(*delete, "--wait=false")

    def rest() -> None:
        kubectl(*delete, f"--timeout={SECONDS}s")
        kubectl("delete", "namespace", name, "--wait=false")

    removals.begin(rest)


@contextmanager
def new_bucket(s3: S3Client, removals: Removals) -> Iterator[str]:
    """Name a bucket that does not exist, and remove it afterwards if it does."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    yield name
    if name in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        removals.begin(lambda: _remove(s3, name))


def _remove(s3: S3Client, bucket: str) -> None:
    """Try it until it succeeds: a server that is just starting or ending may still write to the bucket.

    versitygw 1.8 sometimes keeps an empty folder of a deleted version, and then refuses to delete a
    bucket in which it lists nothing. A bucket that is seen empty so often is left as it is.
    """
    seen_empty = itertools.count(1)

    def is_removed() -> bool:
        try:
            # A version may go while it is being deleted, which versitygw calls an invalid argument.
            buckets.empty(s3, bucket)
            s3.delete_bucket(Bucket=bucket)
        except s3.exceptions.NoSuchBucket:
            return True
        except s3.exceptions.ClientError:
            return buckets.is_empty(s3, bucket) and next(seen_empty) == EMPTY_LOOKS
        return True

    eventually(is_removed, "the bucket can be deleted")
