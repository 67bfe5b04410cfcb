"""The image as an OCI archive, and what is in it (SBOM)."""

import json
import shutil
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster import buildah, images, tools, wheels

from .archives import normalise
from .commands import run
from .project import ROOT, version


def build(target: Path, wheel: Path, epoch: int) -> Path:
    """Build the image from the released wheel, on the same base as the tests' images.

    Layers have the time of the commit and no caches, so the same base gives the same image. The base is made of
    Debian's packages of the day: it is the one thing here that another machine, another day, makes anew.
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


def bill_of_materials(image: Path, epoch: int) -> Path:
    """Write the SBOM of an image (CycloneDX): the packages of Debian and of Python in it."""
    target = image.with_name(image.name.removesuffix(".tar") + ".cdx.json")
    syft = str(tools.built(tools.SYFT) / "syft")
    named = ["--source-name", "wheelyard", "--source-version", version()]
    with tempfile.TemporaryDirectory(prefix="wheelyard-sbom-") as home:
        environment = {
            "HOME": home,
            "TMPDIR": home,
            "SYFT_CHECK_FOR_APP_UPDATE": "false",
            "SYFT_FILE_METADATA_SELECTION": "none",  # packages, not each of their files
        }
        scan = ("scan", f"oci-archive:{image}", *named, "--output", "cyclonedx-json")
        found = json.loads(run(syft, *scan, environment=environment))
    target.write_text(json.dumps(dated(found, epoch), indent=1, sort_keys=True) + "\n")
    return target


def dated(found: dict[str, Any], epoch: int) -> dict[str, Any]:
    """Return an SBOM with the time of the release, and a serial number that depends on its content alone."""
    metadata = {**found["metadata"], "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat()}
    content = {**found, "metadata": metadata, "serialNumber": ""}
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True))
    return {**content, "serialNumber": f"urn:uuid:{serial}"}
