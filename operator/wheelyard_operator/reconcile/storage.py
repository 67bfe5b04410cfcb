"""Gets an index its storage and the credentials for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from wheelyard_operator.desired.common import CREDENTIALS_ANNOTATION, content_digest, decoded
from wheelyard_operator.desired.requests import with_answer
from wheelyard_operator.desired.storage_secret import (
    KEY_ID,
    KEY_SECRET,
    SESSION_TOKEN,
    StorageKey,
    storage_secret,
)
from wheelyard_operator.desired.volumeclaim import volumeclaim
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import CREDENTIALS_READY, STORAGE_READY, Problem
from wheelyard_operator.provision import bucket_ownership
from wheelyard_operator.provision.bucket import ensure_bucket
from wheelyard_operator.provision.clients import Clients, Credentials
from wheelyard_operator.provision.errors import OPERATOR_CREDENTIALS
from wheelyard_operator.provision.removal import remove_bucket
from wheelyard_operator.provision.storage_users import Principals, check_capabilities
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.endpoints import Endpoints, Service
from wheelyard_operator.reconcile.key_rotation import (
    Deactivate,
    Delete,
    Make,
    Note,
    Situation,
    is_due,
    next_rotation,
    next_step,
)
from wheelyard_operator.reconcile.policy import bucket_problem, check_claims
from wheelyard_operator.resource import Manifest, PackageIndex, S3Storage, VolumeStorage
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.rollout import is_rolled_out
from wheelyard_operator.status.storage import ReadyStorage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TRUST_SECONDS = 45.0
_DOUBT_SECONDS = 5.0
_MOST_STEPS = 4
_IAM = Service("iam", CREDENTIALS_READY, "IAM")
_ENDED = {"Succeeded", "Failed"}


@dataclass(frozen=True)
class _Answer:
    """What the outside said, and until when that is believed."""

    until: float
    storage: ReadyStorage | None
    problem: Problem | None


class StorageStage:
    """Asks S3 and IAM a few times a minute, however often a reconciliation runs."""

    def __init__(
        self,
        clients: Clients,
        principals: Principals,
        settings: Settings,
        now: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clients = clients
        self._principals = principals
        self._settings = settings
        self._now = now
        self._clock = clock
        self._answers: dict[tuple[str, ...], _Answer] = {}
        self._endpoints = Endpoints(clock)

    def prepare(self, observed: ObservedIndex, children: Children) -> ReadyStorage:
        """Raise Problem or BusyError."""
        index, storage = observed.index, observed.index.storage
        if isinstance(storage, VolumeStorage):
            children.ensure(volumeclaim(index, storage), STORAGE_READY)
            return ReadyStorage()
        check_claims(storage, self._settings)
        if storage.provision_user and observed.storage_secret:
            children.check_owned(observed.storage_secret, CREDENTIALS_READY)
        if storage.provision_user and (key := StorageKey.parse(observed.storage_secret or {})).key_id:
            # What somebody changed of it by hand: further down it is only written with another key.
            children.ensure(storage_secret(index, key), CREDENTIALS_READY)
        about = (index.meta.uid, str(index.meta.generation), storage.rotation.request)
        question = (*about, credentials_digest(observed))
        answer = self._answers.get(question)
        if answer is None or answer.until < self._clock():
            answer = self._ask(observed, storage, children)
            self._forget_old()
            digest = answer.storage.credentials_digest if answer.storage else credentials_digest(observed)
            self._answers[*about, digest] = answer
        if answer.problem:
            # A raised exception grows a traceback: each raise gets one of its own.
            raise Problem(
                answer.problem.condition,
                answer.problem.reason,
                answer.problem.message,
                stalled=answer.problem.stalled,
            )
        assert answer.storage  # noqa: S101 - one of the two is there
        return answer.storage

    def release(self, index: PackageIndex) -> None:
        """Remove the user that was made for an index; raise Problem or BusyError."""
        with self._endpoints.conversation(_IAM):
            self._principals.remove(index)

    def remove(self, index: PackageIndex, storage: S3Storage) -> None:
        """Remove what the index stored, and its bucket; raise Problem or BusyError."""
        with self._endpoints.conversation(self._s3(storage)):
            remove_bucket(self._clients.own_s3(self._region(storage)), index, storage)

    def _ask(self, observed: ObservedIndex, storage: S3Storage, children: Children) -> _Answer:
        asked = [self._s3(storage)]
        if storage.provision_user:
            asked.append(_IAM)
        try:
            with self._endpoints.conversation(*asked):
                ready = self._provide(observed, storage, children)
        except Problem as problem:
            return _Answer(self._clock() + _DOUBT_SECONDS, None, problem)
        return _Answer(self._clock() + (_DOUBT_SECONDS if ready.rotates else _TRUST_SECONDS), ready, None)

    def _provide(self, observed: ObservedIndex, storage: S3Storage, children: Children) -> ReadyStorage:
        index, region, note = observed.index, self._region(storage), ""
        kept = self._kept(observed, storage)
        if storage.provision_bucket and not kept:
            note = ensure_bucket(self._clients.own_s3(region), index, storage.bucket, region)
        if storage.provision_user or storage.identity is None or storage.provision_bucket:
            # First, so that nobody is given a key to what belongs to another index. It is not asked
            # with the new key: AWS takes some seconds to know it. The pods' readiness tells if it works.
            client, credentials = self._client(observed, storage)
            is_granted = partial(self._principals.reaches, index, storage)
            bucket_ownership.check_storage(client, index, storage, credentials, is_granted)
        ready = self._keep_key(observed, storage, children) if storage.provision_user else None
        return replace(ready or ReadyStorage(credentials_digest(observed)), note=note, kept=kept)

    def _client(self, observed: ObservedIndex, storage: S3Storage) -> "tuple[S3Client, str]":
        """Return a client that may use the storage, and whose credentials it has; raise Problem."""
        region, name = self._region(storage), observed.index.storage_secret_name
        if storage.provision_user or storage.identity:
            return self._clients.own_s3(region), OPERATOR_CREDENTIALS
        return self._clients.s3(given_credentials(observed), storage.endpoint, region), f"The keys in Secret {name}"

    def _kept(self, observed: ObservedIndex, storage: S3Storage) -> Problem | None:
        """Return why the bucket is tolerated only because the index has it already, None if it is allowed.

        Raises Problem if it is not allowed and the index does not have it.
        """
        problem = bucket_problem(observed.index, storage, self._settings)
        if problem and not self._has_place(observed, storage):
            raise problem
        return problem

    def _has_place(self, observed: ObservedIndex, storage: S3Storage) -> bool:
        """Return whether the index has this place already: by its user's rights at IAM, else by the marker."""
        if storage.provision_user:
            return self._principals.reaches(observed.index, storage)
        try:
            client, credentials = self._client(observed, storage)
            return (
                bucket_ownership.owner_of(client, observed.index, storage, credentials)
                is bucket_ownership.Owner.SELF
            )
        except Problem as problem:
            if not problem.stalled or problem.condition == CREDENTIALS_READY:
                raise
            return False

    def _keep_key(self, observed: ObservedIndex, storage: S3Storage, children: Children) -> ReadyStorage:
        index, principals = observed.index, self._principals
        check_capabilities(principals.capabilities(), storage)
        principals.ensure(index, storage)
        for _ in range(_MOST_STEPS):
            now, in_use = self._now(), serves_with(observed, credentials_digest(observed))
            key, keys = StorageKey.parse(observed.storage_secret or {}), principals.keys(index)
            step = next_step(Situation(key, keys, in_use, now), storage.rotation, self._settings.key_grace_seconds)
            match step:
                case Make():
                    answered = with_answer(storage.rotation.request, key.answered)
                    key = StorageKey("to be made", "to be made", issued=now, answered=answered)
                    # A key that cannot be written down would be lost, and another one made at each retry.
                    children.would_ensure(storage_secret(index, key), CREDENTIALS_READY)
                    if step.in_the_way:
                        principals.delete_key(index, step.in_the_way)
                    made = principals.create_key(index)
                    key = replace(key, key_id=made.key_id, secret=made.secret)
                    observed = _with_key(observed, key, children)
                case Note():
                    key = replace(key, deactivated=now)
                    observed = _with_key(observed, key, children)
                case Deactivate():
                    principals.deactivate_key(index, step.key_id)
                case Delete():
                    principals.delete_key(index, step.key_id)
                case None:
                    break
        return ReadyStorage(
            credentials_digest(observed),
            key_issued=key.issued,
            next_rotation=next_rotation(key, storage.rotation),
            ends_a_key=len(keys) > 1,
            awaits_a_key=is_due(key, storage.rotation, self._now()),
        )

    def _region(self, storage: S3Storage) -> str:
        return storage.region or self._settings.region

    def _s3(self, storage: S3Storage) -> Service:
        endpoint = f"{storage.endpoint} {self._region(storage)}"
        return Service(endpoint, STORAGE_READY, f"bucket {storage.bucket}")

    def _forget_old(self) -> None:
        now = self._clock()
        self._answers = {key: each for key, each in list(self._answers.items()) if each.until >= now}


def _with_key(observed: ObservedIndex, key: StorageKey, children: Children) -> ObservedIndex:
    """Write a key down."""
    live = children.ensure(storage_secret(observed.index, key), CREDENTIALS_READY)
    return replace(observed, storage_secret=live)


def given_credentials(observed: ObservedIndex) -> Credentials:
    """Return the keys that the index names; raise Problem."""
    name, secret = observed.index.storage_secret_name, observed.storage_secret
    if secret is None:
        raise Problem(
            CREDENTIALS_READY,
            "SecretNotFound",
            f"Secret {name} does not exist in namespace {observed.index.meta.namespace}: create it with the"
            f" keys {KEY_ID} and {KEY_SECRET}.",
        )
    missing = [key for key in (KEY_ID, KEY_SECRET) if not decoded(secret, key)]
    if missing:
        raise Problem(
            CREDENTIALS_READY,
            "SecretKeyMissing",
            f"Secret {name} has no {' and no '.join(missing)}: add what is missing.",
        )
    return Credentials(decoded(secret, KEY_ID), decoded(secret, KEY_SECRET), decoded(secret, SESSION_TOKEN))


def credentials_digest(observed: ObservedIndex) -> str:
    """Return a digest of the keys alone, or of who the pods are: nothing else of a Secret is their business."""
    storage = observed.index.storage
    if isinstance(storage, VolumeStorage):
        return ""
    if storage.identity is not None:
        # The cloud's webhook looks at a ServiceAccount when a pod starts.
        return content_digest({"serviceAccount": storage.identity.annotations})
    secret = observed.storage_secret or {}
    return content_digest([decoded(secret, key) for key in (KEY_ID, KEY_SECRET, SESSION_TOKEN)])


def serves_with(observed: ObservedIndex, digest: str, deployment: Manifest | None = None) -> bool:
    """Return whether every pod runs with the credentials of this digest; those that are just ending count, too.

    `deployment` is as it was just applied, else it is the one observed.
    """
    deployment = deployment or observed.deployment
    if deployment is None or not is_rolled_out(deployment):
        return False
    running = [pod for pod in observed.pods if pod.get("status", {}).get("phase") not in _ENDED]
    return all(_credentials_of(each) == digest for each in (deployment["spec"]["template"], *running))


def _credentials_of(pod: Manifest) -> str:
    return str(pod["metadata"].get("annotations", {}).get(CREDENTIALS_ANNOTATION, ""))
