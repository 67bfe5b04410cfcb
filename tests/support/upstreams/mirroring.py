"""An index that mirrors upstreams of the tests, and its settings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from support.access import USERS
from support.fetching import Fetched, fetch
from support.server import Server, start
from support.upstreams.pages import JSON
from support.upstreams.running import Upstream, upstream
from support.upstreams.stock import MadeFile, Stock
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


def mirror_settings(folder: Path, *others: Upstream, private: Sequence[str] = (), **more: object) -> Settings:
    """Return the settings of these upstreams, in this order, each under the name of its kind.

    `more` are other settings of all of them.
    """
    return mirrors([(each, upstream_settings(folder, each, **more)) for each in others], private)


def mirrors(others: Sequence[tuple[Upstream, Settings]], private: Sequence[str] = ()) -> Settings:
    """Return the settings of an index with these upstreams, whose hosts it may reach."""
    return {
        "upstreams": [settings for _, settings in others],
        "egress": {"allowedHosts": [host for other, _ in others for host in other.hosts]},
        "names": {"private": list(private)},
    }


def upstream_settings(folder: Path, other: Upstream, **more: object) -> Settings:
    """Return the settings of one upstream; its login is written into a folder, as the operator mounts it."""
    made: Settings = {"name": other.kind.name, "url": other.url, "fileHosts": other.hosts[1:]}
    if other.kind.absent != 404:
        made["absentOn"] = [other.kind.absent]
    if other.kind.user:
        made["credentialsFolder"] = str(write_login(folder / f"login-{other.kind.name}", other))
    return {**made, **more}


def write_login(folder: Path, other: Upstream) -> Path:
    """Write the login that an upstream accepts now; a folder from before gets the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "username").write_text(other.kind.user)
    (folder / "password").write_text(other.kind.password)
    return folder


@dataclass(frozen=True)
class Index:
    """A running index that mirrors."""

    server: Server

    def page(self, project: str, **headers: str) -> Fetched:
        """Return the answer for the page of a project, as JSON."""
        return fetch(f"{self.server.url}/simple/{project}/", Accept=JSON, **headers)

    def files(self, project: str) -> dict[str, dict[str, Any]]:
        """Return the files of a page by their names."""
        answer = self.page(project)
        assert answer.status == 200, answer
        return {file["filename"]: file for file in answer.json()["files"]}

    def url(self, project: str, filename: str) -> str:
        """Return the absolute URL of a file."""
        return str(urljoin(f"{self.server.url}/simple/{project}/", self.files(project)[filename]["url"]))


@contextmanager
def index(
    home: Path, settings: Settings, storage: Path | None = None, access: AccessFile = EVERYTHING
) -> Iterator[Index]:
    """Run an index on a folder for as long as a block takes."""
    home.mkdir(parents=True, exist_ok=True)
    data = {"folder": {"path": str(storage or home / "data")}}
    server = start(home / "server", data, access=access, more=settings)
    try:
        yield Index(server)
    finally:
        code = server.stop()
    assert code == 0, server.log.read_text()


@dataclass(frozen=True)
class Mirrored:
    """An upstream and an index that mirrors it, and where both keep things."""

    index: Index
    other: Upstream
    home: Path

    def file(self, project: str) -> MadeFile:
        """Return the first file of a project at the upstream."""
        return self.other.stock.projects[project].files[0]

    def url(self, project: str) -> str:
        """Return the URL of that file at the index."""
        return self.index.url(project, self.file(project).filename)


@contextmanager
def mirrored(home: Path, private: Sequence[str] = (), **more: object) -> Iterator[Mirrored]:
    """Run an empty upstream like PyPI, and an index that mirrors it; `more` settings of the upstream."""
    with upstream("pypi", Stock()) as other:
        settings = mirror_settings(home, other, private=private, **more)
        with index(home, settings, home / "data") as running:
            yield Mirrored(running, other, home)
