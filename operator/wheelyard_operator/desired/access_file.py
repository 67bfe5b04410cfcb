"""The access file: who may do what, as docs/contract.md has it. JSON, since it may have 10,000 users."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.resource import Grant, Identity, IndexUser, Manifest, PackageIndex
from wheelyard_operator.resource.rights import Rights

ACCESS_FILE = "access.json.gz"
MAX_BYTES = 16_000_000
"""Of the text. A Secret limits only what it is compressed, which may be a thousandth of it."""
_GZIP = zlib.MAX_WBITS + 16


@dataclass(frozen=True)
class Login:
    """A user whom the index accepts, with what of its wishes counts and by what it logs in."""

    user: IndexUser
    rights: Rights
    credentials: Credentials


@dataclass(frozen=True)
class Trust:
    """Whose signed tokens an index believes."""

    cluster_issuer: str = ""
    """Who signs the tokens of ServiceAccounts; "" where nobody logs in by one."""
    keys: tuple[tuple[str, tuple[Manifest, ...]], ...] = ()
    """Issuers with their public keys (RFC 7517)."""
    minting_key: str = ""
    """What the index servers sign short-lived tokens with, "" where nobody publishes by trust."""
    publishers: frozenset[str] = frozenset()
    """Issuers whose CI jobs are trusted. An issuer whose keys are known need not be: the cluster's, for one."""


def access_file(index: PackageIndex, logins: Iterable[Login], trust: Trust) -> str:
    """Render the access file; the same rights always give the same text."""
    in_order = sorted(logins, key=lambda login: login.user.meta.age)
    grants = [*index.grants, *(grant for login in in_order for grant in login.rights.grants)]
    content = {
        "audience": index.audience,
        "mintingKeys": [trust.minting_key] if trust.minting_key else [],
        "issuers": [{"issuer": issuer, "keys": list(keys)} for issuer, keys in trust.keys],
        "users": [_user(login, trust) for login in in_order],
        "grants": [_grant(grant) for grant in grants],
        "externalGrants": [_grant(grant) for grant in index.external_grants],
    }
    return _dump(content)


def packed(text: str) -> str:
    """Return an access file as it stands in a Secret: one holds no more than 1 MiB."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")


def unpacked(secret: Manifest) -> str:
    """Return the access file that a Secret has, "" if there is none or it is damaged.

    Whoever may write Secrets of the namespace may have written it, so no more of it than an access file can have is
    unpacked.
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


def is_in_force(text: str, login: Login, trust: Trust) -> bool:
    """Return whether an access file has all of a user, without reading the file: it may have thousands."""
    # No value can pretend to be an entry: a quotation mark within one is escaped.
    return all(_dump(each) in text for each in _own(login, trust))


def part(login: Login, trust: Trust) -> str:
    """Return all of an access file that is one user's."""
    return "".join(map(_dump, _own(login, trust)))


def _own(login: Login, trust: Trust) -> list[Manifest]:
    return [_user(login, trust), *(_grant(grant) for grant in login.rights.grants)]


def entries(text: str) -> dict[str, str]:
    """Return what an access file has of each user, by username, without reading the file."""
    # A user's entry alone begins so: claims are sorted, and a quotation mark within a value is escaped.
    users = text.partition('"users":[{"name":"')[2].split('},{"name":"')
    return {each.partition('"')[0]: each for each in users}


def has_publisher(entry: str, publisher: Identity) -> bool:
    """Return whether the entry of a user has this trusted publisher."""
    return _dump(_identity(publisher)) in entry.partition('"trustedPublishers":')[2]


def _user(login: Login, trust: Trust) -> Manifest:
    user, password = login.user, login.credentials.password
    entry = {
        "name": user.username,
        "groups": sorted(set(login.rights.groups)),
        "tokenDigests": list(login.credentials.token_digests),
        "passwords": [{"hash": password.hash, "over": password.over}] if password else [],
        "identities": [_identity(each) for each in service_accounts(user, trust)],
        "trustedPublishers": [_identity(each) for each in user.publishers if each.issuer in trust.publishers],
    }
    return {key: value for key, value in entry.items() if value or key in {"name", "groups", "tokenDigests"}}


def service_accounts(user: IndexUser, trust: Trust) -> list[Identity]:
    """Return what the tokens of a user's ServiceAccounts say."""
    prefix = f"system:serviceaccount:{user.meta.namespace}:"
    names = sorted(user.service_accounts) if trust.cluster_issuer else []
    return [Identity(trust.cluster_issuer, (("sub", prefix + name),)) for name in names]


def _identity(identity: Identity) -> Manifest:
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
