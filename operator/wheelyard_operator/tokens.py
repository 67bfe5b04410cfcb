"""Access tokens: `wy_`, 256 random bits, and a checksum by which secret scanners recognize them."""

import hashlib
import re
import string
import zlib
from collections.abc import Callable

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PREFIX = "wy_"
_RANDOM_LENGTH = 43
_CHECKSUM_LENGTH = 6
_FORM = re.compile(rf"{_PREFIX}[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECKSUM_LENGTH}}}", re.ASCII)


def new_token(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new token from 32 bytes of a cryptographic source, such as `secrets.token_bytes`."""
    body = _PREFIX + _base62(int.from_bytes(random_bytes(32), "big"), _RANDOM_LENGTH)
    return body + _checksum(body)


def is_token(text: str) -> bool:
    """Return whether this is a token that `new_token` could have made."""
    return _FORM.fullmatch(text) is not None and _checksum(text[:-_CHECKSUM_LENGTH]) == text[-_CHECKSUM_LENGTH:]


def digest(token: str) -> str:
    """Return the digest of a token: 256 random bits need no salt and no slow hash."""
    return "sha256:" + hashlib.sha256(token.encode("ascii")).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
