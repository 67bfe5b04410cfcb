"""`make release-artifacts`: what a release has, built twice, is the same twice, and is what it says it is."""

import hashlib
import json
import os
import signal
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from artifacts import __main__ as artifacts
from artifacts import project
from artifacts.commands import run
from artifacts.image import build as build_image
from cluster import wheels
from cluster.paths import cache
from cluster.versitygw import free_port

BUILDAH = (
    "buildah",
    "--root",
    f"{cache()}/buildah/root",
    "--runroot",
    f"{cache()}/buildah/run",
    "--storage-driver",
    "overlay",
)
IN_CONTAINER = (*BUILDAH, "run", "--isolation", "chroot")
IMPORT_ALL = """
import importlib, importlib.metadata, json, pathlib, sys
names = {"wheelyard_operator.__main__", "wheelyard_server.__main__"}
for each in importlib.metadata.distributions():
    for file in each.files or ():
        folder, (name, *suffixes) = file.parent, file.name.split(".")
        if suffixes and suffixes[-1] == "so" and not folder.name.endswith(".libs"):
            names.add(".".join((*folder.parts, name)))
for name in sorted(names):
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""
"""Import both programs, and every extension module of every distribution."""


def built(folder: Path, *, with_image: bool) -> dict[str, str]:
    """Build into the folder; return what it says the digests are."""
    artifacts.build(folder, "registry.example.com/wheelyard", with_image=with_image)
    lines = (folder / artifacts.SUMS).read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def test_two_builds_are_the_same(tmp_path: Path) -> None:
    one, other = (built(tmp_path / name, with_image=False) for name in ("one", "other"))
    version = project.version()
    assert set(one) == {
        "install.yaml",
        f"wheelyard-{version}-py3-none-any.whl",
        f"wheelyard-{version}.tar.gz",
        f"wheelyard-{version}.tgz",
    }
    assert one == other
    for name, digest in one.items():
        assert hashlib.sha256((tmp_path / "one" / name).read_bytes()).hexdigest() == digest
    check_chart(tmp_path / "one" / f"wheelyard-{version}.tgz")
    check_sdist(tmp_path / "one" / f"wheelyard-{version}.tar.gz")
    check_manifest(tmp_path / "one/install.yaml")


def check_chart(archive: Path) -> None:
    with tarfile.open(archive) as chart:
        names = chart.getnames()
        described = chart.extractfile("wheelyard/Chart.yaml")
        assert described
        assert yaml.safe_load(described)["version"] == project.version()
    assert {f"wheelyard/files/crds/{each.name}" for each in (project.ROOT / "crds").iterdir()} <= set(names)


def check_sdist(archive: Path) -> None:
    with tarfile.open(archive) as sdist:
        folders = {name.split("/")[1] for name in sdist.getnames()}
    assert {"operator", "indexserver", "crds", "LICENSE", "README.md", "pyproject.toml"} <= folders


def check_manifest(file: Path) -> None:
    objects = [each for each in yaml.safe_load_all(file.read_text()) if each]
    kinds = [each["kind"] for each in objects]
    assert kinds[0] == "Namespace"
    assert kinds.count("CustomResourceDefinition") == len(list((project.ROOT / "crds").iterdir()))
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example.com/wheelyard:{project.version()}"
    assert deployment["metadata"]["namespace"] == objects[0]["metadata"]["name"]


image_of_a_release = pytest.mark.release
"""Building and running it takes minutes of processor time, most of them in QEMU."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build all of a release; the first time this makes Debian's root for arm64, emulated."""
    folder = tmp_path_factory.mktemp("release")
    built(folder, with_image=True)
    return folder


def archive_of(folder: Path) -> Path:
    return folder / f"wheelyard-{project.version()}-image.tar"


@image_of_a_release
def test_two_builds_of_the_image_are_the_same(release: Path, tmp_path: Path) -> None:
    (wheel,) = release.glob("*.whl")
    again = build_image(tmp_path, wheel, project.epoch())
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(archive_of(release).read_bytes()).digest()


@image_of_a_release
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_sbom_names_the_packages_of_the_image(release: Path, architecture: str) -> None:
    sbom = archive_of(release).with_name(f"wheelyard-{project.version()}-image-{architecture}.cdx.json")
    components = json.loads(sbom.read_text())["components"]
    purls = [each["purl"] for each in components if "purl" in each]
    found = {(each["name"], each["purl"].partition("/")[0]) for each in components if "purl" in each}
    assert {("wheelyard", "pkg:pypi"), ("aiohttp", "pkg:pypi"), ("python3", "pkg:deb")} <= found
    assert {each.partition("?arch=")[2] for each in purls if "?arch=" in each} == {architecture, "all"}


@pytest.fixture(params=["amd64", "arm64"])
def container(release: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make a container from the released archive; programs of arm64 run under QEMU in user mode."""
    source = f"oci-archive:{archive_of(release)}"
    name = run(*BUILDAH, "from", "--quiet", "--arch", request.param, source).strip()
    try:
        machine = run(*IN_CONTAINER, name, "--", "python3", "-c", "import platform; print(platform.machine())")
        assert machine.strip() == wheels.MACHINES[request.param]
        yield name
    finally:
        run(*BUILDAH, "rm", name)


@image_of_a_release
def test_the_image_imports_all_that_it_has_and_answers_requests(container: str, tmp_path: Path) -> None:
    version = run(*IN_CONTAINER, container, "--", "wheelyard", "--version")
    assert version == f"wheelyard {project.version()}\n"
    imported = json.loads(run(*IN_CONTAINER, container, "--", "python3", "-c", IMPORT_ALL))
    assert len(imported) > 100
    assert {"aiohttp._http_parser", "msgspec._core", "obstore._obstore", "uvloop.loop"} <= set(imported)
    with serving(container, tmp_path / "log") as url, urllib.request.urlopen(f"{url}/simple/") as answer:
        assert answer.headers.get_content_type() == "text/html"
        assert b"Simple index" in answer.read()


@contextmanager
def serving(container: str, log: Path) -> Iterator[str]:
    """Run `wheelyard serve` in the container, which has the network of the host."""
    listen = f"127.0.0.1:{free_port()}"
    command = [
        *IN_CONTAINER,
        container,
        "--",
        "wheelyard",
        "serve",
        "--storage",
        "file:/tmp/data",
        "--listen",
        listen,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        url = f"http://{listen}"
        while not answers(url):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def answers(url: str) -> bool:
    """Return whether a server is ready."""
    try:
        with urllib.request.urlopen(f"{url}/-/readyz"):
            return True
    except OSError:
        return False
