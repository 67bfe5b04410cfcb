"""Wheelyard, as it lies in this working tree: on a folder and on S3, with and without a login."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from bench import data, texts, ticking
from bench.data import Tree
from bench.places import kept
from bench.servers import s3
from bench.servers.base import COMPARED, Running, Server, free_port, start_program
from bench.web import basic
from cluster.processes import Supervisor
from support.access import token_of
from wheelyard_server import settings, storage
from wheelyard_server.access import tokens
from wheelyard_server.access.access_file import AccessFile, User
from wheelyard_server.access.rules import Grant, Verb
from wheelyard_server.catalog import encoding
from wheelyard_server.model import FORMAT, Project
from wheelyard_server.storage import layout
from wheelyard_server.storage.s3 import connect

TOKEN = token_of("bench")
BUCKET = "bench"
_PUTS_AT_ONCE = 32
_LINKS_OF_A_FILE = 60_000
"""ext4 has 65,000 at most."""


@dataclass(frozen=True)
class Wheelyard(Server):
    """One process; what differs from the defaults is in `changed`, a part of `index.yaml`."""

    name: str
    settings: str
    on_s3: bool = False
    with_token: bool = False
    changed: Mapping[str, Any] = field(default_factory=dict)
    groups: frozenset[str] = COMPARED | {"huge", "costs"}
    uploads: str = "/legacy/"
    login: tuple[str, str] = ("__token__", TOKEN)
    reader: str = f"__token__:{TOKEN}"
    module: str = "wheelyard_server"
    """What runs."""

    @property
    def caches(self) -> bool:
        """See `Server.caches`."""
        return self.on_s3 and "redirects" not in self.changed

    def install(self) -> str:
        """Return the version of the working tree; a setting that it does not know is an error."""
        where: dict[str, Any] = {"s3": {"bucket": BUCKET}} if self.on_s3 else {"folder": {"path": "/"}}
        settings.parse(msgspec.yaml.encode(self._settings(Path("/nonexistent"), 1, where)))
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
        )
        return said.stdout.strip() or "of this working tree"

    def prepare(self, tree: Tree | None) -> None:
        """See `Server.prepare`."""
        if tree:
            _bucket(tree) if self.on_s3 else self.folder(tree)

    def folder(self, tree: Tree) -> Path:
        """Return a storage folder with the wheels of a tree, which the server may change only a little."""
        return _folder(tree)

    def start(self, home: Path, tree: Tree | None) -> Running:
        """See `Server.start`."""
        if not self.on_s3:
            stored = self.folder(tree) if tree else home / "storage"
            _forget_catalog(stored)
            return self._run(home, {"folder": {"path": str(stored)}})
        bucket = _bucket(tree) if tree else home
        _forget_catalog(bucket / "s3/data" / BUCKET)
        beside = s3.start(home, bucket)
        if not tree:
            beside.make_bucket(BUCKET)
        beside.remember_as_safe(BUCKET)
        running = self._run(home, {"s3": {"bucket": BUCKET, "endpoint": beside.endpoint}}, **beside.environment)
        return replace(running, aids=beside.programs, s3_log=beside.log)

    def _run(self, home: Path, where: dict[str, Any], **environment: str) -> Running:
        port = free_port()
        access, config = home / "access.yaml", home / "index.yaml"
        access.write_bytes(msgspec.yaml.encode(self._access()))
        config.write_bytes(msgspec.yaml.encode(self._settings(home, port, where)))
        command = (sys.executable, "-m", self.module, "serve", "--config", str(config))
        gap = home / "gap" if self.module == "bench.ticking" else None
        if gap is not None:
            environment[ticking.GAP] = str(gap)
        running = start_program(self, home, command, port, **environment)
        shown = {"Authorization": basic("__token__", TOKEN)} if self.with_token else {}
        return replace(running, reading=shown, gap=gap, again=lambda other: self._run(other, where, **environment))

    def _settings(self, home: Path, port: int, where: dict[str, Any]) -> dict[str, Any]:
        return {
            "storage": where,
            "accessFile": str(home / "access.yaml"),
            "scratchFolder": str(home / "scratch"),
            "listeners": {"cluster": {"host": "127.0.0.1", "port": port}},
            "shutdown": {"drainSeconds": 0},
            # nginx and pypiron write no line for each request either.
            **({"logs": {"requests": False}} if "requests" in settings.Logs.__struct_fields__ else {}),
            **({"cache": {"folder": str(home / "cache")}} if self.on_s3 else {}),
            **self.changed,
        }

    def _access(self) -> AccessFile:
        anybody = () if self.with_token else (Grant(subjects=("anonymous",), verbs=(Verb.READ,)),)
        return AccessFile(
            users=(User(name="bench", token_digests=(tokens.digest(TOKEN),)),),
            grants=(*anybody, Grant(subjects=("user:bench",), verbs=tuple(Verb))),
        )


_READS = frozenset({"pages", "files", "installs"})
VARIANTS = (
    Wheelyard(
        "wheelyard",
        "a folder, one process, anonymous readers",
        groups=COMPARED | {"huge", "logins", "mirrors", "mirrored-installs"},
    ),
    Wheelyard("wheelyard-token", "the same; readers log in with a token", with_token=True, groups=_READS),
    Wheelyard(
        "wheelyard-2",
        "the same, two processes, anonymous readers",
        changed={"performance": {"processes": 2}},
        groups=frozenset({"pages", "uploads", "installs"}),
    ),
    Wheelyard("wheelyard-s3", "versitygw, strict freshness, file cache", on_s3=True),
    Wheelyard(
        "wheelyard-s3-2s",
        "versitygw, freshness 2 s, file cache",
        on_s3=True,
        changed={"freshness": {"freshSeconds": 2}},
        groups=_READS,
    ),
    Wheelyard(
        "wheelyard-s3-redirects",
        "versitygw, freshness 2 s, two processes, redirects to presigned URLs of all files",
        on_s3=True,
        changed={
            "freshness": {"freshSeconds": 2},
            "redirects": {"minBytes": 0, "cluster": {}},
            "performance": {"processes": 2},
        },
        groups=frozenset({"files", "installs"}),
    ),
    Wheelyard(
        "wheelyard-ticking",
        "a folder, one process, anonymous readers, with a ticker in the event loop",
        groups=frozenset({"stalls"}),
        module="bench.ticking",
    ),
)


def _forget_catalog(storage_folder: Path) -> None:
    """Remove what is derived or found out, so that each run finds the same storage."""
    for folder in (layout.CATALOG, layout.CONDITIONAL_WRITES):
        shutil.rmtree(storage_folder / folder, ignore_errors=True)


def _folder(tree: Tree) -> Path:
    """Return a storage folder with the wheels of a tree, in the layout that the server itself keeps."""
    write = {data.HUGE: _write_huge, texts.MANY: _write_many}.get(tree, _write)
    return kept(f"{tree.name}-wheelyard-{FORMAT}", lambda folder: write(tree, folder))


def _write(tree: Tree, folder: Path) -> None:
    _write_identity(folder)
    for project, wheels in data.described(tree):
        _write_document(project, folder)
        for file, wheel in zip(project.files, wheels, strict=True):
            target = folder / layout.content(project.name, file)
            target.parent.mkdir(parents=True)
            target.hardlink_to(wheel)
            (folder / layout.core_metadata(project.name, file)).write_bytes(data.core_metadata(wheel))


def _write_huge(_tree: Tree, folder: Path) -> None:
    _write_identity(folder)
    for project in data.huge_projects():
        _write_document(project, folder)
    _write_tiny_files(folder)


def _write_many(_tree: Tree, folder: Path) -> None:
    _write_identity(folder)
    for project in texts.many_projects():
        _write_document(project, folder)


def _write_identity(folder: Path) -> None:
    (folder / layout.DOCUMENTS).mkdir(parents=True)
    (folder / layout.INDEX).write_bytes(msgspec.json.encode({"format": FORMAT}))


def _write_document(project: Project, folder: Path) -> None:
    (folder / layout.document(project.name)).write_bytes(encoding.encode(project))


def _write_tiny_files(folder: Path) -> None:
    """Write the bytes of all files of the huge storage: one byte each, in links to a few files.

    By the plain calls of `os`, since there are a million and a half of them.
    """
    tiny = _tiny_files(folder)
    os.mkdir(f"{folder}/{layout.FILES}")  # noqa: PTH102
    for project in data.huge_projects():
        os.mkdir(f"{folder}/{layout.FILES}{project.name}")  # noqa: PTH102
        for file in project.files:
            target = f"{folder}/{layout.content(project.name, file)}"
            os.mkdir(target.rpartition("/")[0])  # noqa: PTH102
            os.link(next(tiny), target)
            os.link(next(tiny), f"{folder}/{layout.core_metadata(project.name, file)}")


def _tiny_files(folder: Path) -> Iterator[str]:
    number = 0
    while True:
        path = folder / f".tiny-{number}"
        path.write_bytes(b"x")
        for _ in range(_LINKS_OF_A_FILE):
            yield str(path)
        path.unlink()
        number += 1


def _bucket(tree: Tree) -> Path:
    """Return what a versitygw keeps of a bucket with the wheels of a tree."""
    fill = _fill_huge if tree == data.HUGE else _fill
    return kept(f"{tree.name}-wheelyard-s3-{FORMAT}", lambda folder: fill(tree, folder))


def _fill(tree: Tree, folder: Path) -> None:
    with _new_bucket(folder) as beside:
        target = f"s3://{BUCKET}?endpoint={beside.endpoint}"
        copy = (sys.executable, "-m", "wheelyard_server", "copy", f"file:{_folder(tree)}", target)
        done = subprocess.run(
            copy, env=os.environ | beside.environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"wheelyard copy: {done.stdout[-500:]} {done.stderr[-500:]}")


def _fill_huge(_tree: Tree, folder: Path) -> None:
    """Put the documents; the files are written to where the gateway looks for them, which takes seconds."""
    with _new_bucket(folder) as beside:
        os.environ.update(beside.environment)
        bucket = connect(settings.S3(bucket=BUCKET, endpoint=beside.endpoint))
        asyncio.run(_put_documents(bucket))
    _write_tiny_files(folder / "s3/data" / BUCKET)


@contextmanager
def _new_bucket(folder: Path) -> Iterator[s3.Beside]:
    """Run a versitygw with an empty bucket that keeps it under `folder`; its own records go."""
    home = folder / "home"
    home.mkdir()
    beside = s3.start(home, folder)
    try:
        beside.make_bucket(BUCKET)
        yield beside
    finally:
        Supervisor(home).stop(*beside.programs)
        shutil.rmtree(home)


async def _put_documents(bucket: storage.Storage) -> None:
    turn = asyncio.Semaphore(_PUTS_AT_ONCE)

    async def put(key: str, body: bytes) -> None:
        async with turn:
            await bucket.store({key: body})

    documents = ((layout.document(each.name), encoding.encode(each)) for each in data.huge_projects())
    await put(layout.INDEX, msgspec.json.encode({"format": FORMAT}))
    await asyncio.gather(*(put(*each) for each in documents))
