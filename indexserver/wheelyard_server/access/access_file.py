"""What the access file says, see docs/contract.md. Unknown keys are refused."""

import gzip
import zlib
from typing import Annotated, Any

import msgspec

from wheelyard_server.access.rules import Grant
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import decode_yaml

_GZIP = b"\x1f\x8b"
TokenDigest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
MintingKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}=?$")]
"""32 bytes in URL-safe base 64."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class Password(_Part, frozen=True):
    """What is kept of a password: a slow hash in the PHC format or of bcrypt."""

    hash: str
    over: str = ""
    """Settings of the older hash from which `hash` was made; empty: it is of the password itself."""


class TokenIdentity(_Part, frozen=True):
    """Whoever has a signed token of this issuer with these claims."""

    issuer: str
    claims: Annotated[dict[str, str], msgspec.Meta(min_length=1)]
    """Each must be there with this value, or start with it up to the `*` at its end."""


class User(_Part, frozen=True):
    """Somebody who can log in."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    groups: tuple[str, ...] = ()
    token_digests: tuple[TokenDigest, ...] = ()
    passwords: tuple[Password, ...] = ()
    identities: tuple[TokenIdentity, ...] = ()
    """Whose signed tokens log in as this user, such as a ServiceAccount's."""
    trusted_publishers: tuple[TokenIdentity, ...] = ()
    """Whose signed tokens can be changed for a short-lived token of this user."""

    def __post_init__(self) -> None:
        if any(identity.claims.get("sub", "*").endswith("*") for identity in self.identities):
            raise ValueError("each of `identities` needs the claim `sub`, without a `*`")


class Issuer(_Part, frozen=True):
    """Somebody whose signed tokens are believed."""

    issuer: str
    """As it stands in the tokens' `iss`."""
    keys: tuple[Any, ...]
    """Public keys (RFC 7517), as the issuer publishes them: one that is not usable is left out, and no more."""


class AccessFile(_Part, frozen=True):
    """All of the access file."""

    users: tuple[User, ...] = ()
    grants: tuple[Grant, ...] = ()
    external_grants: tuple[Grant, ...] = ()
    """On the external listener these stand in for whatever `grants` allow to anonymous."""
    audience: str = ""
    """For whom signed tokens must have been made; empty believes none."""
    minting_keys: tuple[MintingKey, ...] = ()
    """The first signs the short-lived tokens of this index, all verify; empty mints none."""
    issuers: tuple[Issuer, ...] = ()


def parse(text: bytes) -> AccessFile:
    """Parse an access file; raise `InvalidSettingsError` that names the key.

    YAML for people. JSON, which begins with `{"`, for thousands of users: YAML takes a hundred times as long.
    Either may be compressed by gzip.
    """
    text = _plain(text)
    if not text.startswith(b'{"'):
        return decode_yaml(text, AccessFile, "access.yaml")
    try:
        return msgspec.json.decode(text, type=AccessFile)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidSettingsError(f"access.json: {error}") from error


def _plain(text: bytes) -> bytes:
    if not text.startswith(_GZIP):
        return text
    try:
        return gzip.decompress(text)
    except (EOFError, OSError, zlib.error) as error:
        raise InvalidSettingsError(f"access.json.gz: {error}") from error
