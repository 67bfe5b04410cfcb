"""Small real distributions, made to order."""

import io
import tarfile
import zipfile
from pathlib import Path


def metadata(name: str, version: str, extra: str = "") -> str:
    """Return core metadata; `extra` holds more header lines."""
    return f"Metadata-Version: 2.3\nName: {name}\nVersion: {version}\n{extra}\n"


def wheel(folder: Path, name: str = "demo", version: str = "1.0", *, extra: str = "", module: str = "") -> Path:
    """Write a pure wheel and return its path. `module` is the source of its only module."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.py", module)
        archive.writestr(f"{info}/METADATA", metadata(name, version, extra))
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return path


def sdist(folder: Path, name: str = "demo", version: str = "1.0", *, pkg_info: str | None = None) -> Path:
    """Write an sdist and return its path."""
    path = folder / f"{name}-{version}.tar.gz"
    body = (metadata(name, version) if pkg_info is None else pkg_info).encode()
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(f"{name}-{version}/PKG-INFO")
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return path
