"""`wheelyard import users`: converts users of pypiserver and pypicloud to manifests for Git."""

import argparse
import re
from dataclasses import replace
from pathlib import Path

from passlib.context import CryptContext

from wheelyard_server.commands import Subparsers, sentence
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.importing import htpasswd, pypicloud
from wheelyard_server.importing.accounts import Accounts
from wheelyard_server.importing.manifests import Index, ManifestFile, manifests, resource_names

SOURCES = {
    "htpasswd": lambda path: htpasswd.parse(path.read_text()),
    "pypicloud-config": lambda path: pypicloud.parse_config(path.read_text()),
    "pypicloud-dump": lambda path: pypicloud.parse_dump(path.read_bytes()),
}
_KNOWN = CryptContext(
    schemes=[
        *("argon2", "bcrypt", "sha512_crypt", "sha256_crypt", "apr_md5_crypt", "md5_crypt"),
        *("pbkdf2_sha256", "pbkdf2_sha512", "ldap_sha1", "des_crypt"),
    ]
)


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    purpose = "import from another package index"
    importing = commands.add_parser("import", help=purpose, description=sentence(purpose))
    kinds = importing.add_subparsers(required=True, metavar="WHAT")
    parser = kinds.add_parser(
        "users",
        help="write IndexUsers, their passwords and permissions to a folder for Git",
        description="Write users/ (IndexUsers), passwords/ (Secrets with hashes: seal them before they go to Git),"
        " packageindex-access.yaml (a merge patch) and kustomization.yaml.",
    )
    parser.add_argument(
        "--from", dest="source", required=True, metavar="KIND:FILE", help=f"KIND is one of {', '.join(SOURCES)}"
    )
    parser.add_argument("--index", required=True, metavar="NAMESPACE/NAME", help="the PackageIndex of the users")
    parser.add_argument("--output", required=True, type=Path, metavar="FOLDER", help="must be empty or missing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files; return 1 if a password could not be imported."""
    index, found = _index(arguments.index), _read(arguments.source)
    known, refused = _without_unknown_hashes(found)
    _write(manifests(known, index), arguments.output)
    print(_summary(known, refused, index, arguments.output))  # noqa: T201 - the command's output
    return 1 if refused else 0


def _read(source: str) -> Accounts:
    kind, _, path = source.partition(":")
    if kind not in SOURCES or not path:
        raise InvalidSettingsError(f"--from must be KIND:FILE, with KIND one of {', '.join(SOURCES)}")
    try:
        return SOURCES[kind](Path(path))
    except InvalidSettingsError as error:
        raise InvalidSettingsError(f"{path}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettingsError(f"{path} cannot be read: {error}") from None


def _index(text: str) -> Index:
    found = re.fullmatch(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?)/([a-z]([-a-z0-9]*[a-z0-9])?)", text)
    if found is None:
        raise InvalidSettingsError("--index must be NAMESPACE/NAME of a PackageIndex, such as packages/main")
    return Index(found[1], found[3])


def _without_unknown_hashes(accounts: Accounts) -> tuple[Accounts, list[str]]:
    """Return all users without the hashes of unknown formats, and the names of users who had one."""
    refused = [
        user.name for user in accounts.users if user.password_hash and not _KNOWN.identify(user.password_hash)
    ]
    users = tuple(replace(user, password_hash="") if user.name in refused else user for user in accounts.users)
    return replace(accounts, users=users), refused


def _write(files: list[ManifestFile], folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise InvalidSettingsError(f"{folder} is not empty: choose another folder, since nothing is overwritten")
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600 if file.is_secret else 0o644, exist_ok=False)
        path.write_text(file.text)


def _summary(accounts: Accounts, refused: list[str], index: Index, folder: Path) -> str:
    names = resource_names(user.name for user in accounts.users)
    width = max((len(name) for name in names), default=0)
    lines = [f"{old:<{width}}  logs in as {index.namespace}.{new}" for old, new in sorted(names.items())]
    lines += ["", f"{len(names)} users are in {folder}. To apply the permissions of groups and of all users:"]
    patch = f"{folder}/packageindex-access.yaml"
    lines.append(
        f"  kubectl -n {index.namespace} patch packageindex {index.name} --type merge --patch-file {patch}"
    )
    lines += accounts.notes
    lines += [
        f"{name}: the password hash has an unknown format, so this user needs a new password" for name in refused
    ]
    return "\n".join(lines)
