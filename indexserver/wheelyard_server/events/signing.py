"""Signatures of events by HMAC-SHA256, in the form of Standard Webhooks.

Receivers check them with any library for https://www.standardwebhooks.com.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

SECRET, PREVIOUS = "secret", "previous"
PREFIX = "whsec_"
MIN_BYTES = 24
MAX_BYTES = 64
"""As in the specification."""
_MAX_FILE_BYTES = 1024


class UnusableSecretError(ValueError):
    """The folder contains no secret, or an unsafe one; the text continues "The webhook ..."."""


class SecretFolder:
    """The secrets in a folder that Kubernetes mounts and renews. They are a few bytes, so each use reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keys(self) -> tuple[bytes, ...]:
        """Return the keys, the current one first; raise `UnusableSecretError`."""
        current, previous = _text(self._folder / SECRET), _text(self._folder / PREVIOUS)
        if not current:
            raise UnusableSecretError(f"has no `{SECRET}` in its Secret")
        return (_key(SECRET, current), *([_key(PREVIOUS, previous)] if previous else []))


def signatures(keys: Iterable[bytes], id: str, timestamp: int, body: bytes) -> str:  # noqa: A002 - as the header
    """Return the value of `webhook-signature`: one signature for each key."""
    content = f"{id}.{timestamp}.".encode() + body
    made = (base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
    return " ".join(f"v1,{each}" for each in made)


def _key(name: str, text: str) -> bytes:
    key = _decoded(name, text.removeprefix(PREFIX)) if text.startswith(PREFIX) else text.encode()
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise UnusableSecretError(
            f"has a `{name}` of {len(key)} bytes: use {MIN_BYTES} to {MAX_BYTES}, best {PREFIX} and base64 of 32"
        )
    return key


def _decoded(name: str, text: str) -> bytes:
    try:
        # Libraries accept it without padding, too.
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise UnusableSecretError(f"has a `{name}` that is not valid base64 after {PREFIX}") from None


def _text(path: Path) -> str:
    """Return a file's text without the line end that editors add; "" if there is no such file."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES).decode("utf-8", "replace").strip("\r\n")
    except OSError:
        return ""
