"""What the servers hold: made wheels by the thousand, and a set of real ones; each is made once and kept.

A tree has a folder for each project, named as PEP 503 wants it, with its wheels. All servers get
the same ones.
"""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.metadata import RawMetadata, parse_email
from packaging.utils import canonicalize_name, parse_wheel_filename

from bench.places import kept
from cluster.paths import REPOSITORY
from support.distributions import wheel_files, with_record
from wheelyard_server.model import File, Project

PROJECTS, FILES_EACH, BIG_FILES = 2_000, 10, 3_000
HUGE_PROJECTS = 50_000
PAGE_PROJECT, BIG_PROJECT, SIZED_PROJECT = "made-00000", "made-big", "made-sized"
SIZES = {"50 KB": 50_000, "5 MB": 5_000_000, "100 MB": 100_000_000}
GIGABYTE = 1_000_000_000
SMALL_UPLOADS = 12_000
BOUNDARY = "----wheelyard-bench"
UPLOADED = datetime(2026, 1, 1, tzinfo=UTC)
_PLAIN = "Summary: Made for the bench\nRequires-Python: >=3.9\n"
REQUIREMENTS = REPOSITORY / "tests/integration/distributions/application"
"""`.in`: what an application asks for; `.txt`: all that it gets."""


@dataclass(frozen=True)
class Tree:
    """Wheels in folders of projects."""

    name: str
    """Changes with the content: what servers make of a tree is kept under this name."""
    root: Path

    def projects(self) -> list[str]:
        """Return the names of all projects."""
        return sorted(each.name for each in self.root.iterdir())

    def files(self, project: str) -> list[Path]:
        """Return the wheels of a project, in the order of their versions."""
        return sorted((self.root / project).iterdir(), key=lambda path: parse_wheel_filename(path.name)[1])


HUGE = Tree("huge-1", Path("/nonexistent"))
"""500,000 wheels in 50,000 projects: names only, since no client downloads them."""


def made() -> Tree:
    """Return 2,000 projects of 10 wheels, one of 3,000, and one with a small, a larger and a large wheel."""
    return Tree("made-1", kept("made-1", _make))


def real() -> Tree:
    """Return the wheels of a real application, downloaded by pip from where it finds them."""
    key = hashlib.sha256(REQUIREMENTS.with_suffix(".txt").read_bytes() + sys.version.encode()).hexdigest()[:8]
    name = f"real-{key}"
    return Tree(name, kept(name, _download))


def forms() -> Path:
    """Return a folder of upload forms `0` to `11999`, each of a small wheel of its own, for 100 projects."""
    return kept("forms-1", _make_forms)


def large_wheel() -> Path:
    """Return a wheel of 1 GB."""
    return next(kept("large-1", _make_large).iterdir())


def described(tree: Tree) -> Iterator[tuple[Project, list[Path]]]:
    """Yield the document that Wheelyard has of each project, and the project's files in the same order."""
    for name in tree.projects():
        files = tree.files(name)
        yield Project(name=name, files=tuple(map(_described, files))), files


def core_metadata(wheel: Path) -> bytes:
    """Return the METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return archive.read(name)


def huge_projects() -> Iterator[Project]:
    """Yield the documents of 50,000 projects with 10 files each, which no client downloads."""
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(FILES_EACH)]
    for number in range(HUGE_PROJECTS):
        name = f"huge-{number:05}"
        files = (
            made_file(f"{name.replace('-', '_')}-{version}.0-py3-none-any.whl", f"{version}.0", digest, 1, digest)
            for version, digest in enumerate(digests, 1)
        )
        yield Project(name=name, files=tuple(files))


def write_wheel(folder: Path, project: str, version: str, size: int = 0, extra: str = _PLAIN) -> Path:
    """Write a pure wheel of at least `size` bytes, `extra` in its METADATA; nothing in it is compressed."""
    name = project.replace("-", "_")
    path = folder / f"{name}-{version}-py3-none-any.whl"
    files = wheel_files(name, version, extra=extra)
    if size:
        # Random bytes, so that no server gains by compressing them.
        files[f"{name}.bin"] = os.urandom(min(size, 1_000_000)) * -(-size // min(size, 1_000_000))
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in with_record(files, f"{name}-{version}.dist-info").items():
            archive.writestr(zipfile.ZipInfo(member), content)
    return path


def form(wheel: Path, project: str, version: str) -> bytes:
    """Return the upload form of a wheel, as twine sends it."""
    return b"".join([form_head(wheel, project, version), wheel.read_bytes(), FORM_TAIL])


def form_head(wheel: Path, project: str, version: str) -> bytes:
    """Return what comes before the wheel in its upload form."""
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    said = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.3",
        "name": project,
        "version": version,
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "requires_python": ">=3.9",
        "sha256_digest": digest,
    }
    content = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="{wheel.name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return fields([*said.items(), *_description(raw_metadata(wheel))]) + content.encode()


def fields(said: Iterable[tuple[str, str]]) -> bytes:
    """Return fields of a form."""
    parts = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in said
    )
    return "".join(parts).encode()


def raw_metadata(wheel: Path) -> RawMetadata:
    """Return the fields of the METADATA of a wheel."""
    return parse_email(core_metadata(wheel))[0]


def _description(raw: RawMetadata) -> Iterator[tuple[str, str]]:
    """Yield what a form says of a wheel that has a README, as twine sends it."""
    if "description" in raw:
        for name in ("summary", "description", "description_content_type", "license", "keywords"):
            yield from ((name, str(value)) for value in [raw.get(name)] if value)
        yield from (("classifiers", each) for each in raw.get("classifiers", ()))
        yield from (("requires_dist", each) for each in raw.get("requires_dist", ()))
        yield from (("project_urls", f"{label}, {url}") for label, url in raw.get("project_urls", {}).items())


FORM_END = f"--{BOUNDARY}--\r\n".encode()
FORM_TAIL = b"\r\n" + FORM_END
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def _make(folder: Path) -> None:
    counts = {f"made-{number:05}": FILES_EACH for number in range(PROJECTS)} | {BIG_PROJECT: BIG_FILES}
    for project, count in counts.items():
        (folder / project).mkdir()
        for version in range(1, count + 1):
            write_wheel(folder / project, project, f"{version}.0")
    (folder / SIZED_PROJECT).mkdir()
    for version, size in enumerate(SIZES.values(), 1):
        write_wheel(folder / SIZED_PROJECT, SIZED_PROJECT, f"{version}.0", size)


def _download(folder: Path) -> None:
    wheels = folder / "wheels"
    requirements = REQUIREMENTS.with_suffix(".txt")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps")
    subprocess.run([*pip, "--only-binary", ":all:", "-r", requirements, "-d", wheels], check=True)
    for wheel in wheels.iterdir():
        project = folder / canonicalize_name(parse_wheel_filename(wheel.name)[0])
        project.mkdir(exist_ok=True)
        wheel.rename(project / wheel.name)
    wheels.rmdir()


def _make_large(folder: Path) -> None:
    write_wheel(folder, "made-large", "1.0", size=GIGABYTE)


def _make_forms(folder: Path) -> None:
    for number in range(SMALL_UPLOADS):
        project, version = f"sent-{number % 100:02}", f"{number // 100 + 1}.0"
        wheel = write_wheel(folder, project, version)
        (folder / str(number)).write_bytes(form(wheel, project, version))
        wheel.unlink()


def _described(wheel: Path) -> File:
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    version = str(parse_wheel_filename(wheel.name)[1])
    read = core_metadata(wheel)
    made = made_file(wheel.name, version, digest, wheel.stat().st_size, hashlib.sha256(read).hexdigest())
    return made.replace(summary=parse_email(read)[0].get("summary", ""))


def made_file(filename: str, version: str, digest: str, size: int, metadata_digest: str) -> File:
    """Return what Wheelyard knows of a made wheel."""
    return File(
        filename=filename,
        version=version,
        upload_id=digest[:32],
        size=size,
        sha256=digest,
        upload_time=UPLOADED,
        uploader="bench",
        core_metadata_sha256=metadata_digest,
        requires_python=">=3.9",
        summary="Made for the bench",
    )
