"""Makes one IndexUser so."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wheelyard_operator import tokens
from wheelyard_operator.apply import Applier, LeavingError, NotOursError, is_owned
from wheelyard_operator.desired.access_file import ACCESS_FILE
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.user_secret import user_secret
from wheelyard_operator.observe import ObservedUser, observe_user, read_index, read_user, user_secrets
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.logins import admitted, live_token
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.reconcile.report import report
from wheelyard_operator.status.conditions import READY
from wheelyard_operator.status.user import user_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from wheelyard_operator.kube import Kube
    from wheelyard_operator.resource import IndexUser, Key, PackageIndex
    from wheelyard_operator.settings import Settings

_PENDING_SECONDS = 1.0
_RETRY_SECONDS = 15.0


@dataclass(frozen=True)
class UserReconciler:
    """Brings an IndexUser, its Secret and its status together."""

    kube: Kube
    settings: Settings
    now: Callable[[], str]
    """RFC 3339."""

    def __call__(self, key: Key) -> Outcome:
        """Reconcile. A deleted user needs nothing: its Secret goes with it, its rights with the index's."""
        user = read_user(self.kube, key)
        if user is None or user.meta.deleting:
            return GONE
        url, problem = "", None
        try:
            index = self._find_index(user)
            observed = observe_user(self.kube, user)
            self._check_consent(index, observed)
            url = index.url(self.settings.cluster_domain)
            self._check_in_force(index, self._keep_secret(observed, url))
        except Problem as error:
            problem = error
        now = self.now()
        report(self.kube, user.meta, user.status, user_status(user, url, problem, now), now)
        return _outcome(problem)

    def _find_index(self, user: IndexUser) -> PackageIndex:
        index = read_index(self.kube, user.index)
        if index is None or index.meta.deleting:
            raise Problem(
                READY,
                "IndexNotFound",
                f"There is no PackageIndex {user.index.name} in namespace {user.index.namespace}: create it,"
                " or delete this user and make one with the right spec.indexRef.",
            )
        return index

    def _check_consent(self, index: PackageIndex, observed: ObservedUser) -> None:
        if admitted(index, observed):
            return
        self._prune(observed.user, keep="")
        raise Problem(
            READY,
            "NamespaceNotAllowed",
            f"PackageIndex {index.id} does not accept users of namespace {observed.user.meta.namespace}:"
            " its owner can allow them in spec.access.users.namespaces.",
        )

    def _keep_secret(self, observed: ObservedUser, url: str) -> str:
        """Give the token in the Secret, which is made or repaired if need be."""
        user = observed.user
        token = live_token(observed) or tokens.new_token(secrets.token_bytes)
        try:
            Applier(self.kube, user.meta).ensure(user_secret(user, url, token))
        except NotOursError as error:
            raise Problem(
                READY,
                "SecretNotOwned",
                f"{error}: set spec.credentials.secretName to another name, or delete that Secret."
                " It is left as it is.",
            ) from error
        except LeavingError:
            message = f"Secret {user.secret_name} is still being deleted: waiting."
            raise Problem(READY, "WaitingForDeletion", message, stalled=False) from None
        self._prune(user, keep=user.secret_name)
        return token

    def _check_in_force(self, index: PackageIndex, token: str) -> None:
        secret = self.kube.get("Secret", index.meta.namespace, index.access_secret_name) or {}
        in_force = bool(secret) and is_owned(secret, index.meta)
        if not in_force or tokens.digest(token) not in decoded(secret, ACCESS_FILE):
            raise Problem(
                READY,
                "AccessPending",
                f"The login is being made known to PackageIndex {index.id}.",
                stalled=False,
            )

    def _prune(self, user: IndexUser, keep: str) -> None:
        for secret in user_secrets(self.kube, user):
            metadata = secret["metadata"]
            if metadata["name"] != keep and is_owned(secret, user.meta):
                self.kube.delete("Secret", metadata["namespace"], metadata["name"], metadata["uid"])


def _outcome(problem: Problem | None) -> Outcome:
    if problem is None:
        return Outcome()
    return Outcome(after=_RETRY_SECONDS if problem.stalled else _PENDING_SECONDS)
