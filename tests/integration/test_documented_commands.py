"""What the documents say to type, typed: against a real server on a real S3, with the names that the documents use.

Each page is a story: its commands run in their order, in one folder that has what the page takes
for granted.
"""

import gzip
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from passlib.apache import HtpasswdFile

from cluster import images, pypi
from cluster.paths import cache
from cluster.versitygw import S3Server, free_port
from support import distributions, documents, osv, server
from support.access import token_of
from support.console import Console, helm_without_cluster, in_background
from support.documents import ROOT, Block, Place
from support.server import Server
from wheelyard_server.access import tokens
from wheelyard_server.access.access_file import AccessFile, User
from wheelyard_server.access.rules import Grant, Verb

BLOCKS = documents.console_blocks(Place.HERE)
BUILDS = "docs/recipes/image-builds.md"
STORIES = sorted({str(block.page.relative_to(ROOT)) for block in BLOCKS} - {BUILDS})
BUCKETS = ("acme-python-packages", "acme-backup", "acme-restored")
TOKEN = token_of("owner of everything")
ACCESS = AccessFile(
    users=(User(name="packages.owner", token_digests=(tokens.digest(TOKEN),)),),
    grants=(
        Grant(subjects=("anonymous",), verbs=(Verb.READ,)),
        Grant(subjects=("user:packages.owner",), verbs=tuple(Verb)),
    ),
)
LAPTOP = "docs/quickstart.md"
"""The page whose reader has no index yet, and no settings of one."""


PUBLISHED_BEFORE = (
    "uv publish published/*",
    f"wheelyard copy s3://{BUCKETS[0]}/team file:wheelyard-data",
)


@dataclass
class Desk:
    """Where the reader of a page sits: a shell, and the index that the page is about."""

    console: Console
    server: Server
    laptop: str
    """Where an index that the page itself starts is to listen."""

    def type(self, block: Block) -> None:
        """Run the commands of a block, which print what it says they do."""
        said = self.console.run(*map(self.translated, block.tried))
        for line in block.printed:
            assert self.translated(line) in said

    def translated(self, command: str) -> str:
        """Return a command with the names of the documents replaced by those of this test."""
        for there, here in {
            "https://pypi.example.com": self.server.url,
            "@pypi.example.com": self.server.url.replace("http://", "@"),
            "https://__token__": "http://__token__",
            "http://127.0.0.1:8080": f"http://{self.laptop}",
        }.items():
            command = command.replace(there, here)
        if command.startswith("wheelyard serve"):
            return in_background(f"{command} --listen {self.laptop}", f"http://{self.laptop}/-/readyz")
        return helm_without_cluster(command)


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Server) -> Iterator[Desk]:
    """Sit down; the parameter is the page."""
    variables = s3_server.environment() | {"AWS_ENDPOINT_URL": s3_server.endpoint}
    with pytest.MonkeyPatch.context() as patch, bucketed(s3_server):
        for name, value in variables.items():
            patch.setenv(name, value)
        storage = {"s3": {"bucket": BUCKETS[0], "prefix": "team/", "endpoint": s3_server.endpoint}}
        with running_server(tmp_path / "server", storage) as running:
            folder = tmp_path / "desk"
            folder.mkdir()
            furnish(folder)
            console = Console(folder, environment(folder, running, variables, own=request.param != LAPTOP))
            console.run("uv venv --quiet")
            if request.param != LAPTOP:
                log_in(folder, running)
                console.run(*PUBLISHED_BEFORE)
            yield Desk(console, running, f"127.0.0.1:{free_port()}")
            console.close()


@contextmanager
def running_server(home: Path, storage: object) -> Iterator[Server]:
    """Run the index of the pages, and end it whatever comes."""
    running = server.start(home, storage, access=ACCESS)
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def bucketed(s3_server: S3Server) -> Iterator[None]:
    """Have the buckets of the documents, empty, for as long as a block takes."""
    s3 = boto3.resource(
        "s3",
        endpoint_url=s3_server.endpoint,
        region_name=s3_server.region,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
    )
    buckets = [s3.create_bucket(Bucket=name) for name in BUCKETS]
    try:
        yield
    finally:
        for bucket in buckets:
            bucket.objects.all().delete()
            bucket.delete()


def environment(folder: Path, running: Server, variables: dict[str, str], *, own: bool) -> dict[str, str]:
    """Return the variables of the shell; with `own`, those of an IndexUser's Secret too."""
    programs = [Path(sys.executable).parent, pypi.helm().parent]
    login = {
        "PIP_INDEX_URL": f"{running.url_of(TOKEN)}/simple/",
        "UV_DEFAULT_INDEX": f"{running.url_of(TOKEN)}/simple/",
        "UV_PUBLISH_URL": f"{running.url}/legacy/",
        "UV_PUBLISH_USERNAME": "__token__",
        "UV_PUBLISH_PASSWORD": TOKEN,
        "TWINE_REPOSITORY_URL": f"{running.url}/legacy/",
        "TWINE_USERNAME": "__token__",
        "TWINE_PASSWORD": TOKEN,
    }
    return {
        **variables,
        **(login if own else {}),
        "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PIP_PYTHON": str(folder / ".venv/bin/python"),  # not into the environment that runs the tests
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "TWINE_NON_INTERACTIVE": "1",
        "TOKEN_FILE": str(folder / "token"),
    }


def furnish(folder: Path) -> None:
    """Put into a folder what pages name: folders of the checkout, distributions, files of former indexes."""
    for name in ("charts", "crds", "examples"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("dist", "packages", "published"):
        (folder / name).mkdir()
    distributions.wheel(folder / "dist", "acme_lib")
    distributions.wheel(folder / "packages", "acme_old")
    for name, version in (("flask", "3.1.3"), ("acme_lib", "0.9")):
        distributions.wheel(folder / "published", name, version, extra=f"Summary: {SUMMARY}\n")
        distributions.sdist(folder / "published", name, version)
    (folder / "requirements.txt").write_text("acme-lib\n")
    (folder / "index.yaml").write_text("policy: {deny: [{packages: [flask], versions: ==3.1.2}]}\n")
    (folder / "uv.lock").write_text('version = 1\n[[package]]\nname = "flask"\nversion = "3.1.3"\n')
    (folder / "all.zip").write_bytes(osv.export([osv.malware("MAL-2026-1", "reqests")]))
    (folder / "token").write_text(TOKEN)
    htpasswd = HtpasswdFile(str(folder / ".htpasswd"), new=True, default_scheme="apr_md5_crypt")
    htpasswd.set_password("alice", "a password")
    htpasswd.save()
    (folder / "config.ini").write_text(f"[app:main]\nuser.bob = {PYPICLOUD_HASH}\npackage.app.user.bob = rw\n")
    (folder / "acl.json.gz").write_bytes(gzip.compress(json.dumps(DUMP).encode()))


def log_in(folder: Path, running: Server) -> None:
    """Put the files of an IndexUser's Secret into a folder."""
    (folder / "pip.conf").write_text(f"[global]\nindex-url = {running.url_of(TOKEN)}/simple/\n")
    (folder / ".netrc").write_text(f"machine 127.0.0.1\nlogin __token__\npassword {TOKEN}\n")


SUMMARY = "A simple framework for building complex web applications."
PYPICLOUD_HASH = "$6$rounds=20500$0123456789abcdef$" + "a" * 86
DUMP = {
    "version": 1,
    "allow_register": False,
    "users": [{"username": "bob", "admin": False, "password": PYPICLOUD_HASH}],
    "groups": {"team": ["bob"]},
    "packages": {"users": {}, "groups": {"app": {"team": ["read", "write"]}}},
    "pending_users": [],
}


@pytest.mark.parametrize(("page", "desk"), [(page, page) for page in STORIES], indirect=["desk"], ids=STORIES)
def test_the_commands_of_a_page_do_what_it_says(page: str, desk: Desk) -> None:
    for block in BLOCKS:
        if block.page == ROOT / page:
            desk.type(block)


@pytest.mark.parametrize("desk", [BUILDS], indirect=True)
def test_an_image_is_built_with_a_login_that_is_not_in_it(desk: Desk) -> None:
    """The Dockerfiles as they are, on the base that the images of the tests have, which has pip and uv."""
    _, client = images.build()
    for block in documents.blocks(ROOT / BUILDS):
        if block.language == "dockerfile":
            text = block.text.replace("FROM python:3.13-slim", f"FROM {client.name}\nUSER 0:0")
            (desk.console.folder / block.title).write_text(text)
    desk.console.run("twine upload dist/*")
    builds = [command for block in BLOCKS if block.page == ROOT / BUILDS for command in block.tried]
    assert len(builds) == 2
    for build in builds:
        options = f"--isolation chroot --pull-never --tag {BUILT} "
        desk.console.run(desk.translated(build).replace("buildah build ", f"{BUILDAH} build {options}"))
        assert TOKEN not in desk.console.run(f"{BUILDAH} inspect {BUILT}")
        desk.console.run(
            f"container=$({BUILDAH} from --pull-never {BUILT})",
            f"root=$({BUILDAH} mount $container)",
            "ls -d $root/usr/local/lib/python3*/*-packages/acme_lib*",
            f"if grep --recursive {TOKEN} $root/etc $root/root $root/usr/local $root/run; then exit 1; fi",
            f"{BUILDAH} rm $container && {BUILDAH} rmi {BUILT}",
        )


BUILT = "localhost/documented"
BUILDAH = f"buildah --root {cache()}/buildah/root --runroot {cache()}/buildah/run --storage-driver overlay"
"""With the storage that has the images of the tests."""
