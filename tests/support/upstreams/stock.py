"""What an upstream has: projects and files that tests add, change and remove while it runs."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from support import distributions

UPLOADED = datetime(2025, 3, 1, 12, 30, 15, 123456, UTC)
"""The upload time of the first file; each later one is an hour younger."""

_UNSET = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class MadeFile:
    """A file of a project, and what an index knows of it."""

    filename: str
    version: str
    body: bytes = field(repr=False)
    metadata: bytes = field(default=b"", repr=False)
    """The METADATA of a wheel."""
    requires_python: str = ""
    yanked: str | None = None
    upload_time: datetime = _UNSET
    provenance: bytes = field(default=b"", repr=False)
    is_listed: bool = True
    """False: it is removed from the page and can still be downloaded, as at PyPI."""
    listed_sha256: str = ""
    """The digest on the page, if that is a lie."""

    @property
    def sha256(self) -> str:
        """Return the digest that the page lists."""
        return self.listed_sha256 or hashlib.sha256(self.body).hexdigest()

    @property
    def metadata_sha256(self) -> str:
        return hashlib.sha256(self.metadata).hexdigest()


@dataclass
class MadeProject:
    """A project by its normalized name."""

    name: str
    files: list[MadeFile] = field(default_factory=list)
    status: str = "active"
    status_reason: str = ""
    serial: int = 1

    @property
    def listed(self) -> list[MadeFile]:
        """Return the files of its page; a quarantined project has none."""
        return [file for file in self.files if file.is_listed and self.status != "quarantined"]

    def file(self, filename: str) -> MadeFile:
        """Return the file of that name."""
        return next(file for file in self.files if file.filename == filename)


class Stock:
    """All projects of an upstream. Each change counts the serial up, as at PyPI."""

    def __init__(self) -> None:
        self.projects: dict[str, MadeProject] = {}
        self.serial = 1000

    def __iter__(self) -> Iterator[tuple[MadeProject, MadeFile]]:
        for project in list(self.projects.values()):
            for file in list(project.files):
                yield project, file

    def project(self, name: str) -> MadeProject:
        """Return a project, made if there is none."""
        return self.projects.setdefault(normalized(name), MadeProject(normalized(name)))

    def add(self, name: str, *files: MadeFile) -> None:
        """Add files to a project; those without an upload time get the next one."""
        project = self.project(name)
        for file in files:
            age = timedelta(hours=self.serial - 1000)
            timed = file if file.upload_time != _UNSET else replace(file, upload_time=UPLOADED + age)
            project.files.append(timed)
            self.touch(name)

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        *,
        requires: tuple[str, ...] = (),
        requires_python: str = ">=3.9",
        module: str = "",
        yanked: str | None = None,
    ) -> MadeFile:
        """Make a wheel, add it and return it."""
        distribution = normalized(name).replace("-", "_")
        needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
        extra = f"Requires-Python: {requires_python}\n{needs}"
        with TemporaryDirectory() as folder:
            path = distributions.wheel(Path(folder), distribution, version, extra=extra, module=module)
            made = MadeFile(
                filename=path.name,
                version=version,
                body=path.read_bytes(),
                metadata=distributions.metadata(distribution, version, extra).encode(),
                requires_python=requires_python,
                yanked=yanked,
                provenance=provenance(path.name),
            )
        self.add(name, made)
        return made

    def sdist(self, name: str, version: str = "1.0", *, requires_python: str = ">=3.9") -> MadeFile:
        """Make an sdist, add it and return it."""
        distribution = normalized(name).replace("-", "_")
        with TemporaryDirectory() as folder:
            path = distributions.sdist(Path(folder), distribution, version)
            made = MadeFile(path.name, version, path.read_bytes(), requires_python=requires_python)
        self.add(name, made)
        return made

    def change(self, name: str, filename: str, **changes: object) -> MadeFile:
        """Change what the index knows of a file, or its bytes; return it."""
        project = self.projects[normalized(name)]
        changed = replace(project.file(filename), **changes)  # type: ignore[arg-type]
        project.files = [changed if file.filename == filename else file for file in project.files]
        self.touch(name)
        return changed

    def remove_file(self, name: str, filename: str) -> None:
        """Remove a file from its page and from its URL."""
        project = self.projects[normalized(name)]
        project.files = [file for file in project.files if file.filename != filename]
        self.touch(name)

    def touch(self, name: str) -> None:
        """Give a project the next serial."""
        self.serial += 1
        self.project(name).serial = self.serial


def normalized(name: str) -> str:
    """Return the normalized name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def provenance(filename: str) -> bytes:
    """Return a provenance object in the form of PEP 740, without attestations."""
    return json.dumps({"version": 1, "attestation_bundles": [], "made-for": filename}).encode()


APP, NEEDED, TENSOR = "public-app", "public-needed", "public-tensor"


def sample() -> Stock:
    """Return what all kinds have in the tests of clients.

    `public-app` 1.0 requires `public-needed`; its 2.0 needs a Python that does not exist.
    `public-needed` has 1.0, and 1.1 which is yanked. `public-tensor` has a local version, whose
    plus sign must survive URLs.
    """
    stock = Stock()
    stock.wheel(NEEDED, "1.0", module="answer = 42\n")
    stock.sdist(NEEDED, "1.0")
    stock.wheel(NEEDED, "1.1", module="answer = 43\n", yanked="loses data")
    stock.wheel(APP, "1.0", requires=(f"{NEEDED}>=1",), module="import public_needed\n")
    stock.sdist(APP, "1.0")
    stock.wheel(APP, "2.0", requires=(f"{NEEDED}>=1",), requires_python=">=4")
    stock.wheel(TENSOR, "2.6.0+cu124", requires=(f"{NEEDED}>=1",), module="import public_needed\n")
    return stock
