"""The images that pods run: what each is made of, its name by content, and its archive."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import buildah, containerd, debian, wheels
from .paths import HERE, REPOSITORY, cache, locked
from .progress import ClusterError, step

# The inputs of the project's wheel and image; a change elsewhere (tests, docs) builds nothing.
PROJECT_INPUTS = (
    "Dockerfile",
    "pyproject.toml",
    "release/project_urls.py",
    wheels.LOCK.name,
    "README.md",
    "LICENSE",
    "operator",
    "indexserver",
)
CLIENT_DOCKERFILE = HERE / "client.Dockerfile"
_PAUSE_DOCKERFILE = HERE / "pause.Dockerfile"
_BASE_DOCKERFILE = HERE / "base.Dockerfile"
_DEPENDENCIES_DOCKERFILE = HERE / "dependencies.Dockerfile"
_TESTS_DOCKERFILE = HERE / "tests.Dockerfile"
_BUSYBOX = Path("/bin/busybox")
# How many archives of an image stay in the cache; each has over a hundred megabytes.
_KEPT = 4


@dataclass(frozen=True)
class Images:
    """The names of the project's images, for manifests and charts (imagePullPolicy IfNotPresent)."""

    wheelyard: str
    client: str
    """An image with pip, twine, uv and tar, for pods that publish and install."""


@dataclass(frozen=True)
class Archive:
    """A built image."""

    name: str
    file: Path


def names() -> Images:
    """Return the names that this working tree's images have, whether they are built or not."""
    project = [REPOSITORY / name for name in PROJECT_INPUTS]
    if not project[0].exists():
        raise ClusterError(f"there is no {project[0]}, so there is no image to build")
    client = [CLIENT_DOCKERFILE, wheels.CLIENT_LOCK]
    return Images(
        wheelyard=f"wheelyard.dev/wheelyard:{_digest(project, _base_name())}",
        client=f"wheelyard.dev/wheelyard-client:{_digest(client, _base_name())}",
    )


def build() -> tuple[Archive, Archive]:
    """Build this working tree's images, unless the cache has them: the server's and the client's."""
    wanted = names()
    with locked("images"), ThreadPoolExecutor() as pool:
        server = pool.submit(_archive, wanted.wheelyard, "about 10 seconds", _build_wheelyard)
        client = pool.submit(_archive, wanted.client, "about 15 seconds", _build_client)
        return server.result(), client.result()


def pause() -> Archive:
    """Return the image that holds a pod's network namespace: a busybox that sleeps."""
    name = f"{containerd.PAUSE_NAME}:{_digest([_PAUSE_DOCKERFILE, _BUSYBOX])}"
    with locked("images"):
        return _archive(name, "a second", _build_pause)


def load(state: Path, *archives: Archive) -> None:
    """Import those that the cluster's containerd does not know."""
    known = containerd.images(state)
    for archive in archives:
        if archive.name not in known:
            containerd.import_archive(state, archive.file)


def _archive(name: str, usual_time: str, build_image: Callable[[str, Path], None]) -> Archive:
    """Return the archive of this name, built in a fresh context unless the cache has it."""
    kind, _, tag = name.rpartition("/")[2].partition(":")
    file = cache() / "images" / kind / f"{tag}.tar"
    if not file.exists():
        with (
            step(f"building the image {name}", usual_time),
            tempfile.TemporaryDirectory(prefix="wheelyard-image-") as context,
        ):
            build_image(name, Path(context))
            buildah.save(name, file)
        buildah.remove_others(name)
        for old in sorted(file.parent.glob("*.tar"), key=lambda each: each.stat().st_mtime)[:-_KEPT]:
            old.unlink()
    return Archive(name, file)


def _build_wheelyard(name: str, context: Path) -> None:
    wheels.build_project(context / "wheels")
    if names().wheelyard != name:
        raise ClusterError("the code was changed while its wheel was built: run this again")
    buildah.build(name, REPOSITORY / "Dockerfile", context, _dependencies())


def _build_client(name: str, context: Path) -> None:
    shutil.copytree(wheels.of_client(), context / "wheels")
    buildah.build(name, CLIENT_DOCKERFILE, context, base())


def _build_pause(name: str, context: Path) -> None:
    shutil.copy(_BUSYBOX, context)
    buildah.build(name, _PAUSE_DOCKERFILE, context)


def _dependencies() -> str:
    """Return the name of a base that has all of the server image but the project's own wheel."""
    collected = wheels.of_project()
    name = f"localhost/wheelyard-dependencies:{collected.name}-{_digest([_DEPENDENCIES_DOCKERFILE], _base_name())}"
    if name not in buildah.images():
        installing = step("installing what the server needs into its base image", "once, about half a minute")
        with installing, tempfile.TemporaryDirectory(prefix="wheelyard-image-") as context:
            shutil.copytree(collected, Path(context) / "wheels")
            buildah.build(name, _DEPENDENCIES_DOCKERFILE, Path(context), base())
        buildah.remove_others(name)
    return name


def of_tests() -> str:
    """Return the name of the base with what the unit and contract tests start."""
    name = f"localhost/wheelyard-tests:{_digest([_TESTS_DOCKERFILE], _base_name())}"
    with locked("tests-image"):
        if name not in buildah.images():
            with (
                step("building the image of the tests", "once, about half a minute"),
                tempfile.TemporaryDirectory(prefix="wheelyard-image-") as context,
            ):
                buildah.build(name, _TESTS_DOCKERFILE, Path(context), base())
            buildah.remove_others(name)
    return name


def base(architecture: str = debian.HOST_ARCHITECTURE) -> str:
    """Return the name of the local base image, made from the Debian root if it is not there."""
    return _built_base(_base_name(architecture), architecture, architecture)


def builder(architecture: str) -> str:
    """Return the name of an image that runs on the host and that builds for an architecture can use.

    Buildah 1.28 finds an image for a stage only if it is marked as one of the target's
    architecture.
    """
    if architecture == debian.HOST_ARCHITECTURE:
        return base()
    name = _base_name(f"{debian.HOST_ARCHITECTURE}-for-{architecture}")
    return _built_base(name, debian.HOST_ARCHITECTURE, architecture)


def _built_base(name: str, architecture: str, marked: str) -> str:
    with locked(f"base-image-{architecture}-{marked}"):
        if name not in buildah.images():
            buildah.build(name, _BASE_DOCKERFILE, debian.base_root(architecture), architecture=marked)
    return name


def _base_name(architecture: str = debian.HOST_ARCHITECTURE) -> str:
    return f"localhost/wheelyard-base-{architecture}:{debian.base_key()}-{_digest([_BASE_DOCKERFILE])}"


def _digest(inputs: Iterable[Path], *more: str) -> str:
    """Return a short digest of files and folders, by their names and bytes."""
    digest = hashlib.sha256(repr(more).encode())
    for path in inputs:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(path.parent)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
