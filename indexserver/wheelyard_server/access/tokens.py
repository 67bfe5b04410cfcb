"""Tokens: `wy_`, 256 random bits, and a checksum by which secret scanners recognize them. See docs/contract.md."""

import hashlib
import secrets
import string
import zlib

PREFIX = "wy_"
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def make() -> str:
    """Return a new token."""
    body = PREFIX + _base62(secrets.randbits(256), SECRET_LENGTH)
    return body + _checksum(body)


def digest(token: str) -> str:
    """Return the digest of a token, as in `access.yaml`."""
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def is_well_formed(text: str) -> bool:
    """Return whether this text has the form of a token."""
    body, checksum = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    return (
        text.isascii()
        and len(text) == len(PREFIX) + SECRET_LENGTH + CHECKSUM_LENGTH
        and text.startswith(PREFIX)
        and checksum == _checksum(body)
    )


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
