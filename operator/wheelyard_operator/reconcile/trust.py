"""Finds whose signed tokens an index believes, and by which keys."""

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from wheelyard_operator.desired.access_file import Trust, unpacked
from wheelyard_operator.desired.access_secret import MINTING_KEY
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.provision.issuers import IssuerError, Issuers
from wheelyard_operator.resource import IndexUser, Manifest
from wheelyard_operator.settings import Settings


@dataclass(frozen=True)
class TrustStage:
    """Gathers keys. An issuer that does not answer keeps those that it had: nobody is locked out by that."""

    issuers: Issuers
    settings: Settings

    def trust(self, users: Iterable[IndexUser], access_secret: Manifest | None) -> Trust:
        """Return what these users need; `access_secret` is the one in force."""
        users, before = tuple(users), _Before(access_secret or {})
        wanted = {each.issuer for user in users for each in user.publishers if self.settings.trusts(each.issuer)}
        cluster = self.cluster_issuer() if any(user.service_accounts for user in users) else ""
        keys = {issuer: self._keys(issuer, cluster) or before.keys(issuer) for issuer in {*wanted, cluster} - {""}}
        return Trust(
            cluster_issuer=cluster,
            keys=tuple((issuer, keys[issuer]) for issuer in sorted(keys) if keys[issuer]),
            publishers=frozenset(issuer for issuer in wanted if keys[issuer]),
            minting_key=before.minting_key or (_new_key() if wanted else ""),
        )

    def cluster_issuer(self) -> str:
        """Return who signs the tokens of ServiceAccounts, "" where that cannot be found out now."""
        try:
            return self.issuers.of_cluster().name
        except IssuerError:
            return ""

    def _keys(self, issuer: str, cluster: str) -> tuple[Manifest, ...]:
        try:
            found = self.issuers.of_cluster() if issuer == cluster else self.issuers.of_web(issuer)
        except IssuerError:
            return ()
        return found.keys


class _Before:
    """What the access Secret in force has."""

    def __init__(self, secret: Manifest) -> None:
        self._secret = secret

    @property
    def minting_key(self) -> str:
        return decoded(self._secret, MINTING_KEY)

    def keys(self, issuer: str) -> tuple[Manifest, ...]:
        try:
            content = json.loads(unpacked(self._secret))
            return next(tuple(each["keys"]) for each in content["issuers"] if each["issuer"] == issuer)
        except (ValueError, LookupError, TypeError, StopIteration):
            return ()


def _new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
