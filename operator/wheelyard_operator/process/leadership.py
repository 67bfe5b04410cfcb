"""Elects one of several operators: the holder of a Lease, by the rules of client-go.

Clocks of different machines are never compared. By the clock of this operator, a Lease has expired
when it did not change for its duration.
https://kubernetes.io/docs/concepts/architecture/leases/
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.resource import Manifest

log = logging.getLogger(__name__)

LEASE = "Lease"
LEASE_SECONDS = 15
DEADLINE_SECONDS = 10.0
"""Without a renewal for this long, the leader stops: its last writes arrive before another one
starts."""
RETRY_SECONDS = 2.0
_API_VERSION = "coordination.k8s.io/v1"


class LeadershipLostError(Exception):
    """Another operator may lead now: nothing more may be written."""


class Leader(Protocol):
    """The right to write, or the wait for it."""

    @property
    def leads(self) -> bool:
        """Return whether this operator may write now; safe in any thread."""

    async def acquire(self) -> None:
        """Return once this operator leads."""

    async def keep(self) -> None:
        """Keep the leadership; raise LeadershipLostError when it is lost."""

    def resign(self) -> None:
        """Write nothing any more, from now on and permanently."""

    async def release(self) -> None:
        """Let another operator lead at once.

        Call it only after resigning, with no reconciliation running.
        """


class Alone:
    """Leads from the start: no Lease is configured, so there is no other operator."""

    def __init__(self) -> None:
        self.leads = True

    async def acquire(self) -> None:
        """See `Leader.acquire`."""

    async def keep(self) -> None:
        """See `Leader.keep`."""
        await asyncio.Event().wait()

    def resign(self) -> None:
        """See `Leader.resign`."""
        self.leads = False

    async def release(self) -> None:
        """See `Leader.release`."""


class Leadership:
    """Acquires a Lease, and renews it."""

    def __init__(
        self,
        kube: Kube,
        lease: tuple[str, str],
        identity: str,
        clock: Callable[[], float] = time.monotonic,
        count_failure: Callable[[], object] = lambda: None,
    ) -> None:
        """Take the namespace and name of the Lease, and the pod's name as `identity`.

        A container that restarts in its pod keeps leading. `count_failure` is called for each
        unexpected error.
        """
        self._count_failure = count_failure
        self._kube = kube
        self._lease_key = lease
        self._identity = identity
        self._clock = clock
        self._seen = ("", 0.0)
        """The version of the Lease, and when this operator first saw it."""
        self._renewed: float | None = None
        self._resigned = False

    @property
    def leads(self) -> bool:
        """See `Leader.leads`."""
        renewed = self._renewed
        return not self._resigned and renewed is not None and self._clock() - renewed < DEADLINE_SECONDS

    async def acquire(self) -> None:
        """See `Leader.acquire`."""
        log.info("%s stands by for the Lease %s/%s", self._identity, *self._lease_key)
        while not await self._try():  # noqa: ASYNC110 - the others are elsewhere
            await asyncio.sleep(RETRY_SECONDS)
        log.info("%s leads", self._identity)

    async def keep(self) -> None:
        """See `Leader.keep`."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if await self._try() is False or not self.leads:
                raise LeadershipLostError

    def resign(self) -> None:
        """See `Leader.resign`."""
        self._resigned = True

    async def release(self) -> None:
        """See `Leader.release`."""
        try:
            await asyncio.to_thread(self._give_up)
        except ApiError as error:
            log.warning("The Lease %s/%s could not be released and expires later: %s", *self._lease_key, error)

    def attempt(self) -> bool:
        """Take or renew the Lease if possible; return whether it is held now. Raises ApiError."""
        now, lease = self._clock(), self._kube.get(LEASE, *self._lease_key)
        if lease is None:
            self._create()
        elif self._is_taken(lease, now):
            return False
        else:
            self._write(lease, self._identity)
        # The time before the request, which may have been delayed.
        self._renewed = now
        return True

    def _is_taken(self, lease: Manifest, now: float) -> bool:
        version, spec = lease["metadata"]["resourceVersion"], lease.get("spec", {})
        if self._seen[0] != version:
            self._seen = (version, now)
        if spec.get("holderIdentity", "") in {"", self._identity}:
            return False
        return bool(now - self._seen[1] <= spec.get("leaseDurationSeconds", LEASE_SECONDS))

    async def _try(self) -> bool | None:
        """Attempt; return None if the result is not known in time."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS / 2):
                return await asyncio.to_thread(self.attempt)
        except (ApiError, TimeoutError) as error:
            log.warning("The Lease %s/%s: %s", *self._lease_key, error or type(error).__name__)
        except Exception:
            log.exception("Unexpected error: the Lease %s/%s is tried again", *self._lease_key)
            self._count_failure()
        return None

    def _give_up(self) -> None:
        lease = self._kube.get(LEASE, *self._lease_key)
        if lease and lease.get("spec", {}).get("holderIdentity") == self._identity:
            self._write(lease, "")

    def _create(self) -> None:
        self._kube.create(self._manifest({}, self._identity, {}))

    def _write(self, lease: Manifest, holder: str) -> None:
        """Change the Lease, unless another operator has just changed it.

        The API server compares versions.
        """
        metadata = lease["metadata"]
        version = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        self._kube.apply(self._manifest(lease.get("spec", {}), holder, version))

    def _manifest(self, previous: Manifest, holder: str, version: Manifest) -> Manifest:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        goes_on, transitions = previous.get("holderIdentity") == holder, previous.get("leaseTransitions", 0)
        namespace, name = self._lease_key
        return {
            "apiVersion": _API_VERSION,
            "kind": LEASE,
            "metadata": {"namespace": namespace, "name": name, **version},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": previous.get("acquireTime", now) if goes_on else now,
                "renewTime": now,
                "leaseTransitions": transitions + 1 if previous and holder and not goes_on else transitions,
            },
        }
