"""The access file, parsed: see docs/contract.md. Unknown keys are refused."""

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
"""32 bytes in URL-safe base64."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class Password(_Part, frozen=True):
    """A stored password: a slow hash, in the PHC format or by bcrypt."""

    hash: str
    over: str = ""
    """Settings of the older hash that `hash` was computed from; empty if it was the password
    itself."""


class TokenIdentity(_Part, frozen=True):
    """The bearer of a signed token with this issuer and these claims."""

    issuer: str
    claims: Annotated[dict[str, str], msgspec.Meta(min_length=1)]
    """Required claims by name. A value that ends in `*` is a prefix."""


class User(_Part, frozen=True):
    """A user who can log in."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    groups: tuple[str, ...] = ()
    token_digests: tuple[TokenDigest, ...] = ()
    passwords: tuple[Password, ...] = ()
    identities: tuple[TokenIdentity, ...] = ()
    """Identities whose signed tokens log in as this user, such as ServiceAccounts."""
    trusted_publishers: tuple[TokenIdentity, ...] = ()
    """Identities whose signed tokens can be exchanged for a short-lived token of this user."""

    def __post_init__(self) -> None:
        if any(identity.claims.get("sub", "*").endswith("*") for identity in self.identities):
            raise ValueError("each of `identities` needs the claim `sub`, without a `*`")


class Issuer(_Part, frozen=True):
    """An issuer of trusted signed tokens."""

    issuer: str
    """The `iss` claim of its tokens."""
    keys: tuple[Any, ...]
    """Public keys (RFC 7517), as the issuer publishes them. Unusable keys are skipped."""


class AccessFile(_Part, frozen=True):
    """The whole access file."""

    users: tuple[User, ...] = ()
    grants: tuple[Grant, ...] = ()
    external_grants: tuple[Grant, ...] = ()
    """On the external listener, these replace the anonymous parts of `grants`."""
    audience: str = ""
    """The required audience of signed tokens; empty accepts none."""
    minting_keys: tuple[MintingKey, ...] = ()
    """Keys of the short-lived tokens: the first signs, all verify; empty if none are minted."""
    issuers: tuple[Issuer, ...] = ()


def parse(text: bytes) -> AccessFile:
    """Parse an access file; raise an `InvalidSettingsError` that names the key.

    The file is YAML, for people, or JSON, for thousands of users: YAML takes a hundred times as
    long. JSON starts with `{"`. Either may be compressed by gzip.
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
