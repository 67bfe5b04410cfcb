"""Gathers the issuers whose signed tokens an index trusts, and their keys."""

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from wheelyard_operator.desired.access_file import TrustedIssuers, unpacked
from wheelyard_operator.desired.access_secret import MINTING_KEY
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.issuers import Issuers
from wheelyard_operator.resource import IndexUser, Manifest
from wheelyard_operator.settings import Settings


@dataclass(frozen=True)
class TrustedIssuersStage:
    """Gathers keys.

    An issuer that does not answer keeps its previous keys: no user is locked out.
    """

    issuers: Issuers
    settings: Settings

    def find(self, users: Iterable[IndexUser], access_secret: Manifest | None) -> TrustedIssuers:
        """Return the issuers that these users need; `access_secret` is the one in force."""
        users, previous = tuple(users), _Previous(access_secret or {})
        wanted = {each.issuer for user in users for each in user.publishers if self.settings.trusts(each.issuer)}
        cluster = self.cluster_issuer() if any(user.service_accounts for user in users) else ""
        keys = {
            issuer: self._keys(issuer, cluster) or previous.keys(issuer) for issuer in {*wanted, cluster} - {""}
        }
        return TrustedIssuers(
            cluster_issuer=cluster,
            keys=tuple((issuer, keys[issuer]) for issuer in sorted(keys) if keys[issuer]),
            publishers=frozenset(issuer for issuer in wanted if keys[issuer]),
            minting_key=previous.minting_key or (_new_key() if wanted else ""),
        )

    def cluster_issuer(self) -> str:
        """Return the issuer of the tokens of ServiceAccounts, "" if it is not known now."""
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


class _Previous:
    """The content of the access Secret in force."""

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
