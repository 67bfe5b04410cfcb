"""Renders the access file, which docs/contract.md describes.

JSON, since it may have 10,000 users.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.resource import Grant, IndexUser, Manifest, PackageIndex, TokenIdentity
from wheelyard_operator.resource.rights import Rights

ACCESS_FILE = "access.json.gz"
MAX_BYTES = 16_000_000
"""The maximum length of the text. A Secret limits only its compressed size, maybe a thousandth of
it."""
_GZIP = zlib.MAX_WBITS + 16


@dataclass(frozen=True)
class AcceptedUser:
    """A user that the index accepts, with its effective rights and its credentials."""

    user: IndexUser
    rights: Rights
    credentials: Credentials


@dataclass(frozen=True)
class TrustedIssuers:
    """The issuers whose signed tokens an index trusts."""

    cluster_issuer: str = ""
    """The issuer of the tokens of ServiceAccounts, "" if no user logs in with one."""
    keys: tuple[tuple[str, tuple[Manifest, ...]], ...] = ()
    """Issuers with their public keys (RFC 7517)."""
    minting_key: str = ""
    """The key with which index servers sign short-lived tokens, "" without trusted publishers."""
    publishers: frozenset[str] = frozenset()
    """Issuers whose CI jobs are trusted. Not every issuer with keys is: the cluster's, for example."""


def access_file(index: PackageIndex, accepted_users: Iterable[AcceptedUser], issuers: TrustedIssuers) -> str:
    """Render the access file; the same rights always result in the same text."""
    in_order = sorted(accepted_users, key=lambda accepted: accepted.user.meta.age)
    grants = [*index.grants, *(grant for accepted in in_order for grant in accepted.rights.grants)]
    content = {
        "audience": index.audience,
        "mintingKeys": [issuers.minting_key] if issuers.minting_key else [],
        "issuers": [{"issuer": issuer, "keys": list(keys)} for issuer, keys in issuers.keys],
        "users": [_user(accepted, issuers) for accepted in in_order],
        "grants": [_grant(grant) for grant in grants],
        "externalGrants": [_grant(grant) for grant in index.external_grants],
    }
    return _dump(content)


def packed(text: str) -> str:
    """Return an access file in the form for a Secret, which holds at most 1 MiB."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def unpacked(secret: Manifest) -> str:
    """Return the access file in a Secret, "" if there is none or it is damaged.

    Anyone with the permission to write Secrets of the namespace may have written it, so no more
    than the maximum is unpacked.
    """
    inflater = zlib.decompressobj(_GZIP)
    try:
        text = inflater.decompress(base64.b64decode(secret.get("data", {}).get(ACCESS_FILE, "")), MAX_BYTES + 1)
        return text.decode() if inflater.eof and len(text) <= MAX_BYTES else ""
    except (ValueError, zlib.error):
        return ""


def knows_issuer(text: str, issuer: str) -> bool:
    """Return whether an access file has an issuer's keys."""
    return f'{{"issuer":{_dump(issuer)},"keys":' in text


def is_in_force(text: str, accepted: AcceptedUser, issuers: TrustedIssuers) -> bool:
    """Return whether an access file contains all of a user, without parsing thousands of users."""
    # No value can pretend to be an entry: quotation marks in values are escaped.
    return all(_dump(each) in text for each in _own(accepted, issuers))


def part(accepted: AcceptedUser, issuers: TrustedIssuers) -> str:
    """Return everything in an access file that belongs to a user."""
    return "".join(map(_dump, _own(accepted, issuers)))


def _own(accepted: AcceptedUser, issuers: TrustedIssuers) -> list[Manifest]:
    return [_user(accepted, issuers), *(_grant(grant) for grant in accepted.rights.grants)]


def entries(text: str) -> dict[str, str]:
    """Return the entries of an access file by username, without parsing the file."""
    # Only the entry of a user begins like this: claims are sorted, and quotation marks in values
    # are escaped.
    users = text.partition('"users":[{"name":"')[2].split('},{"name":"')
    return {each.partition('"')[0]: each for each in users}


def has_publisher(entry: str, publisher: TokenIdentity) -> bool:
    """Return whether the entry of a user has this trusted publisher."""
    return _dump(_identity(publisher)) in entry.partition('"trustedPublishers":')[2]


def _user(accepted: AcceptedUser, issuers: TrustedIssuers) -> Manifest:
    user, password = accepted.user, accepted.credentials.password
    entry = {
        "name": user.username,
        "groups": sorted(set(accepted.rights.groups)),
        "tokenDigests": list(accepted.credentials.token_digests),
        "passwords": [{"hash": password.hash, "over": password.over}] if password else [],
        "identities": [_identity(each) for each in service_accounts(user, issuers)],
        "trustedPublishers": [_identity(each) for each in user.publishers if each.issuer in issuers.publishers],
    }
    return {key: value for key, value in entry.items() if value or key in {"name", "groups", "tokenDigests"}}


def service_accounts(user: IndexUser, issuers: TrustedIssuers) -> list[TokenIdentity]:
    """Return the identities of a user's ServiceAccounts."""
    prefix = f"system:serviceaccount:{user.meta.namespace}:"
    names = sorted(user.service_accounts) if issuers.cluster_issuer else []
    return [TokenIdentity(issuers.cluster_issuer, (("sub", prefix + name),)) for name in names]


def _identity(identity: TokenIdentity) -> Manifest:
    return {"issuer": identity.issuer, "claims": dict(identity.claims)}


def _grant(grant: Grant) -> Manifest:
    return {
        "subjects": list(grant.subjects),
        "packages": list(grant.packages),
        "within": list(grant.within),
        "verbs": list(grant.verbs),
    }


def _dump(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
