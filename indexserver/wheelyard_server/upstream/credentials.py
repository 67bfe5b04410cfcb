"""The credentials of an upstream, from a folder that Kubernetes mounts and renews.

They never reach a log, an error or a span: nothing here has a `repr` with a secret in it.
"""

import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

USERNAME, PASSWORD, TOKEN = "username", "password", "token"
CERTIFICATE, KEY = "tls.crt", "tls.key"
_FILES = (USERNAME, PASSWORD, TOKEN, CERTIFICATE, KEY)
_MAX_BYTES = 64 * 1024
_HEADER_TEXT = re.compile(r"[!-~]+")

_WANTED = (
    "has no usable credentials: its Secret must have `username` and `password`, or `token`, "
    "or `tls.crt` and `tls.key`"
)
Fingerprint = tuple[tuple[int, int, int], ...]


class UnusableCredentialsError(ValueError):
    """The folder contains no credentials, or damaged ones; the text continues "The upstream NAME ..."."""


@dataclass(frozen=True)
class Credentials:
    """What a request is sent with. Both are empty for an upstream without credentials."""

    authorization: str = field(default="", repr=False)
    """Value of the header `Authorization`."""
    certificate: tuple[Path, Path] | None = None
    """Files of a client certificate and its key."""
    fingerprint: Fingerprint = ()
    """Differs after each change of the files."""

    def identify(self, context: ssl.SSLContext) -> None:
        """Use the client certificate in a TLS context; raise `UnusableCredentialsError`."""
        if self.certificate is None:
            return
        try:
            context.load_cert_chain(*self.certificate)
        except (ssl.SSLError, OSError) as error:
            raise UnusableCredentialsError("has a client certificate that does not fit its key") from error


NO_CREDENTIALS = Credentials()


class CredentialsFolder:
    """The credentials in a folder, which are read again when a file in it changed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._current = NO_CREDENTIALS

    def current(self) -> Credentials:
        """Return the credentials; raise `UnusableCredentialsError`."""
        if self._folder is None:
            return NO_CREDENTIALS
        fingerprint = _fingerprint(self._folder)
        if fingerprint != self._current.fingerprint:
            self._current = _read(self._folder, fingerprint)
        return self._current

    def reread(self) -> Credentials:
        """Return the credentials as the files have them now; raise `UnusableCredentialsError`."""
        self._current = NO_CREDENTIALS
        return self.current()


def _fingerprint(folder: Path) -> Fingerprint:
    return tuple(_stat(folder / name) for name in _FILES)


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(folder: Path, fingerprint: Fingerprint) -> Credentials:
    authorization = _authorization(folder)
    files = folder / CERTIFICATE, folder / KEY
    certificate = files if all(map(os.path.exists, files)) else None
    if not authorization and certificate is None:
        raise UnusableCredentialsError(_WANTED)
    return Credentials(authorization, certificate, fingerprint)


def _authorization(folder: Path) -> str:
    username, password, token = (_text(folder / name) for name in (USERNAME, PASSWORD, TOKEN))
    if token:
        if not _HEADER_TEXT.fullmatch(token):
            raise UnusableCredentialsError("has a `token` with characters that a header cannot have")
        return f"Bearer {token}"
    return aiohttp.encode_basic_auth(username, password) if username and password else ""


def _text(path: Path) -> str:
    """Return a file's text without the line end that editors add; "" if there is no such file."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES)
    except OSError:
        return ""
    return content.decode("utf-8", "replace").strip("\r\n")
