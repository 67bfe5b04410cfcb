"""The settings of an index that mirrors upstreams of the tests."""

from collections.abc import Sequence
from pathlib import Path

from support.access import USERS
from support.upstreams.running import Upstream
from wheelyard_server.access.access_file import AccessFile
from wheelyard_server.access.rules import Grant, Verb

EVERYTHING = AccessFile(
    users=USERS,
    grants=(
        Grant(subjects=("anonymous",), packages=("*",), verbs=(Verb.READ,)),
        Grant(subjects=("user:ci.publisher",), packages=("*",), verbs=(Verb.READ, Verb.PUBLISH)),
        Grant(subjects=("group:owners",), packages=("*",), verbs=tuple(Verb)),
    ),
)
"""Anonymous clients may read all names; a publisher may publish them, and owners may do everything."""

Settings = dict[str, object]


def mirror_settings(
    folder: Path,
    *others: Upstream,
    packages: Sequence[str] = ("*",),
    private: Sequence[str] = (),
    **freshness: float,
) -> Settings:
    """Return the settings of these upstreams, in this order, each under the name of its kind.

    `freshness` holds `freshSeconds` and `staleSeconds`.
    """
    return {
        "upstreams": [upstream_settings(folder, each, packages, freshness) for each in others],
        "egress": {"allowedHosts": [host for each in others for host in each.hosts]},
        "names": {"private": list(private)},
    }


def upstream_settings(
    folder: Path, other: Upstream, packages: Sequence[str], freshness: dict[str, float]
) -> Settings:
    """Return the settings of one upstream; its login is written into a folder, as the operator mounts it."""
    made: Settings = {
        "name": other.kind.name,
        "url": other.url,
        "packages": list(packages),
        "fileHosts": other.hosts[1:],
        "freshness": freshness,
    }
    if other.kind.absent != 404:
        made["absentOn"] = [other.kind.absent]
    if other.kind.user:
        made["credentialsFolder"] = str(write_login(folder / f"login-{other.kind.name}", other))
    return made


def write_login(folder: Path, other: Upstream) -> Path:
    """Write the login that an upstream accepts now; a folder from before gets the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "username").write_text(other.kind.user)
    (folder / "password").write_text(other.kind.password)
    return folder
