"""Small real distributions, made to order: the same bytes for the same order at any time."""

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def metadata(name: str, version: str, extra: str = "") -> str:
    """Return core metadata; `extra` holds more header lines."""
    return f"Metadata-Version: 2.3\nName: {name}\nVersion: {version}\n{extra}\n"


def wheel_files(
    name: str = "demo", version: str = "1.0", *, extra: str = "", module: str = "", tag: str = "py3-none-any"
) -> dict[str, bytes]:
    """Return the files of a pure wheel, all but RECORD."""
    info = f"{name}-{version}.dist-info"
    return {
        f"{name}.py": module.encode(),
        f"{info}/METADATA": metadata(name, version, extra).encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }


def record(files: Mapping[str, bytes], path: str) -> bytes:
    """Return the RECORD at `path` that lists these files and itself."""
    rows = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items()]
    return "".join([*rows, f"{path},,\n"]).encode()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def with_record(files: Mapping[str, bytes], info: str = "demo-1.0.dist-info") -> dict[str, bytes]:
    """Return the files of a wheel with a RECORD that agrees."""
    path = f"{info}/RECORD"
    return {**files, path: record(files, path)}


def wheel(folder: Path, name: str = "demo", version: str = "1.0", *, extra: str = "", module: str = "") -> Path:
    """Write a pure wheel and return its path. `module` is the source of its only module."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    files = wheel_files(name, version, extra=extra, module=module)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in with_record(files, f"{name}-{version}.dist-info").items():
            archive.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED)
    return path


def sdist(folder: Path, name: str = "demo", version: str = "1.0", *, pkg_info: str | None = None) -> Path:
    """Write an sdist and return its path."""
    path = folder / f"{name}-{version}.tar.gz"
    body = (metadata(name, version) if pkg_info is None else pkg_info).encode()
    with gzip.GzipFile(path, "wb", mtime=0) as file, tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo(f"{name}-{version}/PKG-INFO")
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return path
