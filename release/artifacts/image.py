"""The image as an OCI archive."""

import shutil
import tempfile
from pathlib import Path

from cluster import buildah, images, wheels

from .archives import normalise
from .project import ROOT, version


def build(target: Path, wheel: Path, epoch: int) -> Path:
    """Build the image from the released wheel, on the same base as the tests' images.

    Layers have the time of the commit and no caches, so the same base gives the same image. The
    base consists of Debian's packages of the day: it is the one part that another machine, or
    another day, builds differently.
    """
    name = f"localhost/wheelyard:{version()}"
    with tempfile.TemporaryDirectory(prefix="wheelyard-release-") as context:
        shutil.copytree(wheels.of_project(), Path(context) / "wheels")
        shutil.copy(wheel, Path(context) / "wheels")
        buildah.build(name, ROOT / "Dockerfile", Path(context), images.base(), epoch=epoch)
    archive = target / f"wheelyard-{version()}-image.tar"
    buildah.save_oci(name, archive)
    normalise(archive, epoch)
    return archive
