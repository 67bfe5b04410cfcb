"""The SBOM of an image that is made here: its last layer counts, and what it removed is gone."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from artifacts.materials import bill_of_materials

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


def image(file: Path, *layers: dict[str, bytes]) -> Path:
    blobs: dict[str, bytes] = {}

    def stored(content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}"}

    manifest = stored(json.dumps({"layers": [stored(tarred(each)) for each in layers]}).encode())
    file.write_bytes(tarred({**blobs, "index.json": json.dumps({"manifests": [manifest]}).encode()}))
    return file


def test_what_is_in_it_and_not_what_was(tmp_path: Path) -> None:
    made = image(
        tmp_path / "wheelyard-1-image.tar",
        {"var/lib/dpkg/status": DEBIAN.encode(), OLD: b"Name: A\nVersion: 1\n"},
        {"usr/lib/.wh.a-1.dist-info": b"", NEW: b"Name: A\nVersion: 2\n", "usr/lib/other/METADATA": b"x"},
    )
    target = bill_of_materials(made, 1_700_000_000)
    assert target.name == "wheelyard-1-image.cdx.json"
    found = json.loads(target.read_text())
    assert sorted(each["purl"] for each in found["components"]) == [
        "pkg:deb/debian/libc6@2.36-9?arch=amd64",
        "pkg:pypi/a@2",
    ]
    assert found["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    first = target.read_bytes()
    assert bill_of_materials(made, 1_700_000_000).read_bytes() == first
