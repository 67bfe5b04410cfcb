"""The SBOMs of an image that is made here: its last layer counts, and what it removed is gone."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from artifacts.materials import bills_of_materials

DEBIAN = """\
Package: libc6
Status: install ok installed
Version: 2.36-9
Architecture: amd64

Package: gone
Status: deinstall ok config-files
Version: 1
Architecture: all
"""
OLD, NEW = "usr/lib/a-1.dist-info/METADATA", "usr/lib/A-2.dist-info/METADATA"


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def image(file: Path, **layers: list[dict[str, bytes]]) -> Path:
    """Write an OCI archive with these layers of each architecture."""
    blobs: dict[str, bytes] = {}

    def stored(content: bytes, **more: object) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}", **more}

    def manifest(architecture: str, layers: list[dict[str, bytes]]) -> dict[str, Any]:
        text = json.dumps({"layers": [stored(tarred(each)) for each in layers]})
        return stored(text.encode(), platform={"architecture": architecture})

    index = stored(json.dumps({"manifests": [manifest(*each) for each in layers.items()]}).encode())
    file.write_bytes(tarred({**blobs, "index.json": json.dumps({"manifests": [index]}).encode()}))
    return file


def test_an_sbom_has_what_is_in_the_image_and_not_what_was(tmp_path: Path) -> None:
    first = {"var/lib/dpkg/status": DEBIAN.encode(), OLD: b"Name: A\nVersion: 1\n"}
    last = {"usr/lib/.wh.a-1.dist-info": b"", NEW: b"Name: A\nVersion: 2\n", "usr/lib/other/METADATA": b"x"}
    made = image(tmp_path / "wheelyard-1-image.tar", amd64=[first, last], arm64=[first])
    amd64, arm64 = bills_of_materials(made, 1_700_000_000)
    assert (amd64.name, arm64.name) == ("wheelyard-1-image-amd64.cdx.json", "wheelyard-1-image-arm64.cdx.json")
    libc = "pkg:deb/debian/libc6@2.36-9?arch=amd64"
    for sbom, python in ((amd64, "pkg:pypi/a@2"), (arm64, "pkg:pypi/a@1")):
        found = json.loads(sbom.read_text())
        assert sorted(each["purl"] for each in found["components"]) == [libc, python]
        assert found["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    before = amd64.read_bytes()
    assert bills_of_materials(made, 1_700_000_000)[0].read_bytes() == before
