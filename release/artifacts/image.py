"""The image as an OCI archive: an index of one image for each architecture."""

import shutil
import tempfile
from pathlib import Path

from cluster import buildah, debian, emulation, images, wheels

from .archives import normalise
from .project import ROOT, version


def build(target: Path, wheel: Path, epoch: int) -> Path:
    """Build the images from the released wheel, on the same base as the tests' images.

    Layers have the time of the commit and no caches, so the same base gives the same image. The
    base consists of Debian's packages of the day: it is the one part that another machine, or
    another day, builds differently.
    """
    built = [_of_architecture(each, wheel, epoch) for each in wheels.MACHINES]
    archive = target / f"wheelyard-{version()}-image.tar"
    buildah.save_index(f"wheelyard:{version()}", built, archive)
    normalise(archive, epoch)
    return archive


def _of_architecture(architecture: str, wheel: Path, epoch: int) -> str:
    if architecture != debian.HOST_ARCHITECTURE:
        emulation.enable()
    name = f"localhost/wheelyard-{architecture}:{version()}"
    with tempfile.TemporaryDirectory(prefix="wheelyard-release-") as context:
        shutil.copytree(wheels.of_project(architecture), Path(context) / "wheels")
        shutil.copy(wheel, Path(context) / "wheels")
        buildah.build(
            name,
            ROOT / "Dockerfile",
            Path(context),
            images.base(architecture),
            builder=images.builder(architecture),
            architecture=architecture,
            epoch=epoch,
        )
    return name
