"""`wheelyard serve` without a settings file: an index on a laptop in one command.

Anonymous clients may read; the user `admin` may do everything. The admin token is created at the
first start and printed once.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec

from wheelyard_server.access import tokens
from wheelyard_server.access.access_file import AccessFile, User
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.access.session_file import SessionFile
from wheelyard_server.catalog.ownership import FORMAT_FILE
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.model import FORMAT
from wheelyard_server.settings import (
    S3,
    Cache,
    Folder,
    ListenAddress,
    Listeners,
    Performance,
    Settings,
    Shutdown,
    StorageSettings,
)
from wheelyard_server.settings.part import GIB
from wheelyard_server.settings.upstream_arguments import OtherIndexes
from wheelyard_server.settings.upstream_logins import UpstreamLogin
from wheelyard_server.settings.upstreams import UpstreamSettings
from wheelyard_server.settings.web import SESSIONS_FILE

DEFAULT_STORAGE = "file:wheelyard-data"
DEFAULT_LISTEN = "127.0.0.1:8080"
CACHE_BYTES = 1 * GIB
"""Local disk space for files from S3, until the server stops."""
TOKEN_FILE = "admin-token"  # noqa: S105 - a filename
TOKEN_VARIABLE = "WHEELYARD_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
NO_UPSTREAMS = OtherIndexes()


@dataclass(frozen=True, slots=True)
class LaptopServer:
    """The settings of a server on a laptop, and the instructions to print at its start."""

    settings: Settings
    instructions: str


def prepare(
    storage_url: str,
    listen: str,
    given_token: str | None,
    processes: int = 1,
    others: OtherIndexes = NO_UPSTREAMS,
) -> LaptopServer:
    """Return the server for these arguments, after creating an admin token if there is none yet.

    `given_token` replaces a created one. It is required for S3, where no created one could be kept.
    Raises `InvalidSettingsError` for invalid arguments.
    """
    storage = storage_of(storage_url)
    token, is_new = _admin_token(storage, given_token)
    listener = _listener(listen)
    local = _temporary_folder()
    settings = Settings(
        storage=storage,
        access_file=_write_access_file(local / "access.yaml", tokens.digest(token)),
        scratch_folder=storage.folder.path / ".scratch" if storage.folder else local / "scratch",
        cache=None if storage.folder else Cache(folder=local / "cache", max_bytes=CACHE_BYTES),
        listeners=Listeners(cluster=listener),
        shutdown=Shutdown(drain_seconds=0),
        performance=Performance(processes=processes),
        upstreams=_with_logins(others),
        names=others.names,
        advisories=others.advisories,
        egress=others.egress,
        policy_file=_policy_file(others, local),
    )
    lines = [
        *_instructions(storage_url, listener, storage.folder, token if is_new else None),
        *others.instructions(),
    ]
    if is_new and storage.folder:
        lines += ["", f"The admin token is shown only once. It is stored in {storage.folder.path / TOKEN_FILE}."]
    return LaptopServer(settings, "\n".join([*lines, ""]))


def _policy_file(others: OtherIndexes, local: Path) -> Path | None:
    """Return the file with the rules: with upstreams, there are those of `PolicyRules` at least."""
    if others.policy_file is not None or not others.upstreams:
        return others.policy_file
    path = local / "policy.yaml"
    path.write_text("policy: {}\n")
    return path


def _temporary_folder(parent: str | None = None) -> Path:
    """Create a folder that only this user can read, until the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="wheelyard-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _with_logins(others: OtherIndexes) -> tuple[UpstreamSettings, ...]:
    """Return the upstreams with the folders of their logins, in memory if the system has a place there."""
    if not others.logins:
        return others.upstreams
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = _temporary_folder(runtime if os.access(runtime, os.W_OK) else None)
    return tuple(_with_login(each, parent, others.logins.get(each.name)) for each in others.upstreams)


def _with_login(upstream: UpstreamSettings, parent: Path, login: UpstreamLogin | None) -> UpstreamSettings:
    if login is None:
        return upstream
    folder = parent / upstream.name
    folder.mkdir()
    for name, content in login.files.items():
        (folder / name).write_text(content)
    return msgspec.structs.replace(upstream, credentials_folder=folder)


def storage_of(url: str) -> StorageSettings:
    """Return the settings for `file:DIR` or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`.

    Raises `InvalidSettingsError` if it is neither.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "file" and rest:
        return StorageSettings(folder=Folder(path=Path(rest)))
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if scheme == "s3" and parts.netloc and options.keys() <= {"endpoint", "region"}:
        prefix = parts.path.strip("/")
        return StorageSettings(s3=S3(bucket=parts.netloc, prefix=f"{prefix}/" if prefix else "", **options))
    raise InvalidSettingsError(f"The storage must be file:DIR or s3://BUCKET/PREFIX[?endpoint=URL], not {url!r}")


def _listener(listen: str) -> ListenAddress:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal():
        raise InvalidSettingsError(f"--listen must be HOST:PORT, not {listen!r}")
    return ListenAddress(host=host.strip("[]"), port=int(port))


def _admin_token(storage: StorageSettings, given: str | None) -> tuple[str, bool]:
    """Return the token, and whether it is new."""
    if given is not None:
        if not tokens.is_well_formed(given):
            raise InvalidSettingsError(f"{TOKEN_VARIABLE} is not a valid token. Here is a new one: {tokens.make()}")
        return given, False
    if storage.folder is None:
        raise InvalidSettingsError(
            f"Set {TOKEN_VARIABLE} to a token for the user admin. Here is a new one: {tokens.make()}"
        )
    return _kept_token(storage.folder.path / TOKEN_FILE)


def _kept_token(path: Path) -> tuple[str, bool]:
    if path.exists():
        return path.read_text().strip(), False
    path.parent.mkdir(parents=True, exist_ok=True)
    token = tokens.make()
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(f"{token}\n")
    return token, True


def _write_access_file(path: Path, digest: str) -> Path:
    file = AccessFile(
        users=(User(name="admin", token_digests=(digest,)),),
        grants=(
            Grant(subjects=("anonymous",), verbs=(Verb.READ,)),
            Grant(subjects=("user:admin",), verbs=tuple(Verb)),
        ),
    )
    path.write_bytes(msgspec.yaml.encode(file))
    path.with_name(SESSIONS_FILE).write_bytes(msgspec.yaml.encode(SessionFile(keys=(secrets.token_urlsafe(32),))))
    # No other server uses this storage.
    path.with_name(FORMAT_FILE).write_text(f"{FORMAT}\n")
    return path


def _instructions(
    storage_url: str, listener: ListenAddress, folder: Folder | None, new_token: str | None
) -> list[str]:
    host = f"[{listener.host}]" if ":" in listener.host else listener.host
    url = f"http://{host}:{listener.port}"
    token = new_token or (f'"$(cat {folder.path / TOKEN_FILE})"' if folder else f'"${TOKEN_VARIABLE}"')
    return [
        f"Wheelyard serves {storage_url} at {url}/",
        "",
        f"  pip install --index-url {url}/simple/ PACKAGE",
        f"  twine upload --repository-url {url}/legacy/ --username admin --password {token} dist/*",
        f"  uv publish --publish-url {url}/legacy/ --username admin --password {token}",
    ]
