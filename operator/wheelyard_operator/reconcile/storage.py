"""Gets an index its storage and the credentials for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wheelyard_operator.desired.common import CREDENTIALS_ANNOTATION, content_digest, decoded
from wheelyard_operator.desired.storage_secret import KEY_ID, KEY_SECRET, SESSION_TOKEN, storage_secret
from wheelyard_operator.problems import CREDENTIALS_READY, Problem
from wheelyard_operator.provision import iam, s3
from wheelyard_operator.provision.clients import Credentials
from wheelyard_operator.reconcile.claims import check_claims
from wheelyard_operator.status.rollout import is_rolled_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from wheelyard_operator.apply import Applier
    from wheelyard_operator.observe import ObservedIndex
    from wheelyard_operator.provision.clients import Clients
    from wheelyard_operator.resource import Manifest, PackageIndex
    from wheelyard_operator.settings import Settings

_TRUST_SECONDS = 45.0
_DOUBT_SECONDS = 5.0


@dataclass(frozen=True)
class ReadyStorage:
    """Storage that can be used."""

    credentials_digest: str
    """Of the access key, so that another key rolls the pods."""
    note: str = ""
    """On what the S3 server lacks."""


@dataclass(frozen=True)
class _Answer:
    """What the outside said, and until when that is believed."""

    until: float
    storage: ReadyStorage | None
    problem: Problem | None


class StorageStage:
    """Asks S3 and IAM a few times a minute, however often a reconciliation runs."""

    def __init__(self, clients: Clients, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._settings = settings
        self._clock = clock
        self._answers: dict[tuple[str, int, str], _Answer] = {}

    def prepare(self, observed: ObservedIndex, applier: Applier) -> ReadyStorage:
        """Raise Problem, or NotOursError where the name of the storage Secret is taken."""
        index = observed.index
        check_claims(index, observed.others, self._settings)
        question = (index.meta.uid, index.meta.generation, credentials_digest(observed))
        answer = self._answers.get(question)
        if answer is None or answer.until < self._clock():
            answer = self._ask(observed, applier)
            self._forget_old()
            digest = answer.storage.credentials_digest if answer.storage else credentials_digest(observed)
            self._answers[index.meta.uid, index.meta.generation, digest] = answer
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
        """Remove what was made for an index outside the cluster, but the bucket; raise Problem."""
        iam.remove_user(self._clients.iam, index)

    def _ask(self, observed: ObservedIndex, applier: Applier) -> _Answer:
        try:
            storage = self._provide(observed, applier)
        except Problem as problem:
            return _Answer(self._clock() + _DOUBT_SECONDS, None, problem)
        return _Answer(self._clock() + _TRUST_SECONDS, storage, None)

    def _provide(self, observed: ObservedIndex, applier: Applier) -> ReadyStorage:
        index = observed.index
        region = index.storage.region or self._settings.region
        note = ""
        if index.storage.provision_bucket:
            note = s3.ensure_bucket(self._clients.own_s3(region), index, region)
        if index.storage.provision_user:
            # First, so that nobody is given a key to what belongs to another index. It is not asked
            # with the new key: AWS takes some seconds to know it. The pods' readiness tells if it works.
            s3.check_storage(self._clients.own_s3(region), index, s3.OPERATOR_CREDENTIALS)
            observed = self._issue(observed, applier)
        else:
            given = given_credentials(observed)
            client = self._clients.s3(given, index.storage.endpoint, region)
            s3.check_storage(client, index, f"The keys in Secret {index.storage_secret_name}")
        return ReadyStorage(credentials_digest(observed), note)

    def _issue(self, observed: ObservedIndex, applier: Applier) -> ObservedIndex:
        index = observed.index
        recorded = decoded(observed.storage_secret or {}, KEY_ID)
        iam.ensure_user(self._clients.iam, index)
        key = iam.ensure_key(self._clients.iam, index, recorded)
        if key is not None:
            secret = applier.ensure(storage_secret(index, key.key_id, key.secret))
            return replace(observed, storage_secret=secret)
        if serves_with(observed.deployment, credentials_digest(observed)):
            iam.retire_keys(self._clients.iam, index, recorded)
        return observed

    def _forget_old(self) -> None:
        now = self._clock()
        self._answers = {key: each for key, each in list(self._answers.items()) if each.until >= now}


def given_credentials(observed: ObservedIndex) -> Credentials:
    """Give the keys that the index names; raise Problem."""
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
    """Give a digest of the keys alone: other content of the Secret is none of the pods' business."""
    secret = observed.storage_secret or {}
    return content_digest([decoded(secret, key) for key in (KEY_ID, KEY_SECRET, SESSION_TOKEN)])


def serves_with(deployment: Manifest | None, digest: str) -> bool:
    """Whether all pods run with the credentials of this digest, and none with older ones."""
    if deployment is None or not is_rolled_out(deployment):
        return False
    template = deployment["spec"]["template"]["metadata"]
    return bool(template.get("annotations", {}).get(CREDENTIALS_ANNOTATION) == digest)
