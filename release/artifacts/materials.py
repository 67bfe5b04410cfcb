"""The SBOM of an image (CycloneDX): its Debian and Python packages."""

import email
import json
import tarfile
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from .project import version

_DEBIAN = "var/lib/dpkg/status"
_REMOVED = ".wh."
"""Prefix of the name with which a layer marks a deleted file (OCI image specification)."""


def bills_of_materials(image: Path, epoch: int) -> list[Path]:
    """Write an SBOM for each architecture next to an image (an OCI archive).

    The same image gives the same SBOMs.
    """
    with tarfile.open(image) as archive:
        return [
            _write(image, architecture, _package_files(_layers(archive, manifest)), epoch)
            for architecture, manifest in _manifests(archive)
        ]


def _write(image: Path, architecture: str, files: dict[str, bytes], epoch: int) -> Path:
    components = sorted({*_of_debian(files), *_of_python(files)}, key=lambda each: str(each.purl))
    bom = Bom(components=components, serial_number=uuid.uuid5(uuid.NAMESPACE_OID, str(sorted(files.items()))))
    root = Component(name="wheelyard", version=version(), type=ComponentType.CONTAINER, bom_ref="wheelyard")
    bom.metadata.component = root
    bom.register_dependency(root, components)
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    target = image.with_name(f"{image.name.removesuffix('.tar')}-{architecture}.cdx.json")
    target.write_text(JsonV1Dot6(bom).output_as_string(indent=1) + "\n")
    return target


def _package_files(layers: Iterable[tarfile.TarFile]) -> dict[str, bytes]:
    """Return the files that describe packages, by path, from the last layer that has them."""
    found: dict[str, bytes] = {}
    for layer in layers:
        for member in layer:
            path = PurePosixPath(member.name)
            if path.name.startswith(_REMOVED):
                gone = str(path.with_name(path.name.removeprefix(_REMOVED)))
                found = {name: text for name, text in found.items() if not (name + "/").startswith(gone + "/")}
            elif member.isfile() and _tells(path):
                found[str(path)] = _content(layer, member.name)
    return found


def _manifests(archive: tarfile.TarFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each architecture with its image's manifest.

    index.json names one image index, and that names the manifests (OCI image specification).
    """
    (index,) = json.loads(_content(archive, "index.json"))["manifests"]
    for each in json.loads(_blob(archive, index["digest"]))["manifests"]:
        yield each["platform"]["architecture"], json.loads(_blob(archive, each["digest"]))


def _layers(archive: tarfile.TarFile, manifest: dict[str, Any]) -> Iterator[tarfile.TarFile]:
    for layer in manifest["layers"]:
        blob = archive.extractfile(_blob_path(layer["digest"]))
        with tarfile.open(fileobj=blob) as opened:
            yield opened


def _tells(path: PurePosixPath) -> bool:
    return str(path) == _DEBIAN or (path.name == "METADATA" and path.parent.suffix == ".dist-info")


def _of_debian(files: dict[str, bytes]) -> Iterator[Component]:
    for text in files.get(_DEBIAN, b"").decode().split("\n\n"):
        package = email.message_from_string(text)
        if package["Status"] == "install ok installed":
            purl = PackageURL(
                "deb", "debian", package["Package"], package["Version"], {"arch": package["Architecture"]}
            )
            yield Component(name=package["Package"], version=package["Version"], purl=purl, bom_ref=str(purl))


def _of_python(files: dict[str, bytes]) -> Iterator[Component]:
    for path, text in files.items():
        if path != _DEBIAN:
            metadata = email.message_from_bytes(text)
            purl = PackageURL("pypi", None, metadata["Name"].lower(), metadata["Version"])
            yield Component(name=metadata["Name"], version=metadata["Version"], purl=purl, bom_ref=str(purl))


def _blob(archive: tarfile.TarFile, digest: str) -> bytes:
    return _content(archive, _blob_path(digest))


def _blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file of the archive")
    return file.read()
