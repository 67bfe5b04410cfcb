"""Accounts as manifests: a file per user, a file per password, and the permissions of groups and anonymous."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.importing.accounts import Account, Accounts, Right

USER_GRANTS, USER_PACKAGES = 20, 30
INDEX_GRANTS, INDEX_PACKAGES = 50, 50
USER_CHARACTERS, INDEX_CHARACTERS = 12288, 32768
"""Limits of the resources, see crds/. Characters are those of all globs and subjects, plus three
for each."""

_MAX_NAME_LENGTH = 63
_API_VERSION = "wheelyard.dev/v1"


@dataclass(frozen=True, slots=True)
class Index:
    """The PackageIndex of the users."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file to write."""

    path: str
    text: str
    is_secret: bool = False


def manifests(accounts: Accounts, index: Index) -> list[ManifestFile]:
    """Return all files; raise `InvalidSettingsError` for more permissions than the resources can hold."""
    names = resource_names(user.name for user in accounts.users)
    groups = resource_names(group for user in accounts.users for group in user.groups)
    users = [_user(user, names[user.name], groups, index) for user in accounts.users]
    passwords = [_password(user, names[user.name], index) for user in accounts.users if user.password_hash]
    access = _access(accounts, groups, index)
    listing = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [file.path for file in (*users, *passwords)],
    }
    return [*users, *passwords, access, ManifestFile("kustomization.yaml", _dump(listing))]


def resource_names(names: Iterable[str]) -> dict[str, str]:
    """Return a resource name for each name: unique, and the same in every run."""
    found: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        found.setdefault(_plain(name), []).append(name)
    return {
        name: plain if len(alike) == 1 or name == plain else f"{plain[: _MAX_NAME_LENGTH - 9]}-{_digest(name)}"
        for plain, alike in found.items()
        for name in alike
    }


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z0-9.-]+", "-", name.lower())
    plain = re.sub(r"[.-]*\.[.-]*", ".", plain).strip(".-")[:_MAX_NAME_LENGTH].strip(".-")
    return plain or f"user-{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _user(user: Account, name: str, groups: Mapping[str, str], index: Index) -> ManifestFile:
    grants = [_grant(right) for right in _split(user.rights, USER_PACKAGES)]
    if len(grants) > USER_GRANTS or _characters(grants) > USER_CHARACTERS:
        raise InvalidSettingsError(
            f"{user.name} has permissions on too many single packages for one IndexUser: at most"
            f" {USER_GRANTS * USER_PACKAGES}, with {USER_CHARACTERS} characters together."
            " Use a group, or a glob such as acme-*, instead."
        )
    spec: dict[str, Any] = {"indexRef": {"name": index.name}}
    if user.groups:
        spec["groups"] = sorted(groups[group] for group in user.groups)
    if grants:
        spec["grants"] = grants
    if user.password_hash:
        spec["credentials"] = {"passwordSecretRef": {"name": _secret_name(name)}}
    return ManifestFile(f"users/{name}.yaml", _dump(_resource("IndexUser", name, index, spec)))


def _password(user: Account, name: str, index: Index) -> ManifestFile:
    content = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": _secret_name(name),
            "namespace": index.namespace,
            "labels": {"wheelyard.dev/user": name, "wheelyard.dev/index": index.name},
        },
        "type": "kubernetes.io/basic-auth",
        "stringData": {"username": f"{index.namespace}.{name}", "passwordHash": user.password_hash},
    }
    return ManifestFile(f"passwords/{name}.yaml", _dump(content), is_secret=True)


def _access(accounts: Accounts, groups: Mapping[str, str], index: Index) -> ManifestFile:
    grants = [
        {"subjects": [_subject(subject, groups)], **_grant(right)}
        for subject, whole in accounts.grants
        for right in _split([whole], INDEX_PACKAGES)
    ]
    if len(grants) > INDEX_GRANTS or _characters(grants) > INDEX_CHARACTERS:
        raise InvalidSettingsError(
            f"Groups have permissions on too many single packages: {len(grants)} grants, but an index allows"
            f" {INDEX_GRANTS}, with {INDEX_CHARACTERS} characters together. Use globs such as acme-* instead."
        )
    content = _resource("PackageIndex", index.name, index, {"access": {"grants": grants}})
    return ManifestFile("packageindex-access.yaml", _dump(content))


def _subject(subject: str, groups: Mapping[str, str]) -> str:
    kind, colon, name = subject.partition(":")
    return f"{kind}:{groups.get(name) or _plain(name)}" if colon else subject


def _resource(kind: str, name: str, index: Index, spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": index.namespace}
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _secret_name(name: str) -> str:
    return f"{name}-password"


def _grant(right: Right) -> dict[str, Any]:
    return {"packages": list(right.packages), "verbs": [str(verb) for verb in right.verbs]}


def _characters(grants: Iterable[Mapping[str, Any]]) -> int:
    return sum(len(each) + 3 for grant in grants for each in (*grant["packages"], *grant.get("subjects", ())))


def _split(rights: Iterable[Right], size: int) -> Iterator[Right]:
    for right in rights:
        for start in range(0, len(right.packages), size):
            yield Right(right.verbs, right.packages[start : start + size])


def _dump(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False)
