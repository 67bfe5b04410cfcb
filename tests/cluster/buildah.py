"""Image builds without a container engine or a registry: a Dockerfile in, an archive out."""

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .debian import HOST_ARCHITECTURE
from .paths import cache
from .progress import ClusterError, log_tail


def build(
    name: str,
    dockerfile: Path,
    context: Path,
    base: str = "",
    *,
    builder: str = "",
    architecture: str = HOST_ARCHITECTURE,
    epoch: int | None = None,
) -> None:
    """Build an image under this name; `base` is the Dockerfile's argument BASE, `builder` its BUILDER.

    With `epoch`, everything in the new layer has that time, so that the same context gives the same
    image.
    """
    arguments = ["--arch", architecture]
    if base:
        arguments += ["--build-arg", f"BASE={base}"]
    if builder:
        # Buildah 1.28 by itself sets TARGETARCH to the architecture of the host.
        arguments += ["--build-arg", f"BUILDER={builder}", "--build-arg", f"TARGETARCH={architecture}"]
    if epoch is not None:
        arguments += ["--timestamp", str(epoch), "--build-arg", f"SOURCE_DATE_EPOCH={epoch}"]
    options = ["--isolation", "chroot", "--layers=false", "--pull-never", "--quiet"]
    _run("build", *options, *arguments, "--tag", name, "--file", str(dockerfile), str(context))


def images() -> list[str]:
    """Return the names of the images that were built and not removed."""
    return _run("images", "--format", "{{.Name}}:{{.Tag}}").split()


def save(name: str, archive: Path) -> None:
    """Write an image to a docker archive, uncompressed: it only moves within this machine."""
    scratch = archive.with_suffix(".unfinished")
    scratch.unlink(missing_ok=True)
    archive.parent.mkdir(parents=True, exist_ok=True)
    _run("push", "--disable-compression", "--quiet", name, f"docker-archive:{scratch}:{name}")
    scratch.rename(archive)


def save_index(reference: str, images_of_it: Iterable[str], archive: Path) -> None:
    """Write images, one for each architecture, to one OCI archive as an image index of this name and tag."""
    archive.unlink(missing_ok=True)
    index = f"localhost/index/{reference}"
    if index in images():  # of a run that was killed
        _run("manifest", "rm", index)
    _run("manifest", "create", index, *images_of_it)
    try:
        _run("manifest", "push", "--all", "--quiet", index, f"oci-archive:{archive}:{reference}")
    finally:
        _run("manifest", "rm", index)


def remove_others(name: str) -> None:
    """Forget the images that have this one's name and another tag: they are outdated."""
    repository = name.rpartition(":")[0]
    for other in images():
        if other.rpartition(":")[0] == repository and other != name:
            _run("rmi", other)


@contextmanager
def container(image: str) -> Iterator[str]:
    """Make a container from an image, and remove it at the end."""
    name = _run("from", "--quiet", "--pull-never", image).strip()
    try:
        yield name
    finally:
        _run("rm", name)


def run_in(name: str, command: list[str], shared: Iterable[Path], folder: Path) -> int:
    """Run a command in a container, in one of the folders that it shares with the host; return its exit status."""
    options = ["--isolation", "chroot", "--workingdir", str(folder)]
    volumes = [option for path in shared for option in ("--volume", f"{path}:{path}")]
    return subprocess.run([*_buildah(), "run", *options, *volumes, name, "--", *command], check=False).returncode


def _buildah() -> list[str]:
    # A storage of our own, so that no other images are touched.
    storage = cache() / "buildah"
    places = ["--root", str(storage / "root"), "--runroot", str(storage / "run")]
    return ["buildah", *places, "--storage-driver", "overlay"]


def _run(*arguments: str) -> str:
    log = cache() / "buildah/buildah.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        command = [*_buildah(), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=output, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"buildah {arguments[0]} failed; {log_tail(log)}")
    return done.stdout
