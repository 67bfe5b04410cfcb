"""A file of an upstream, as the document of its project lists it."""

from typing import NamedTuple

from wheelyard_server.model import Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.names import NormalizedName

METADATA_SUFFIX = ".metadata"


class Kept(NamedTuple):
    """The bytes of an object below `layout.mirrored`."""

    sha256: str
    size: int


class ListedFile(NamedTuple):
    """A file of an upstream, and the project whose document lists it."""

    project: NormalizedName
    upstream: str
    """Name of the upstream."""
    url: str
    file: MirroredFile

    @property
    def identity(self) -> str:
        """Return a key of these bytes from this place.

        A digest alone is not enough: any upstream, and any project of one, may list the digest of
        another's file. Then it could delay that, have it refused, or answer in its place for
        objects without a digest.
        """
        return f"{self.upstream} {self.file.sha256} {self.url}"

    @property
    def kept(self) -> Kept | None:
        """Return which object has the bytes, if they are kept; None if digest or size are not known yet."""
        file = self.file
        return Kept(file.sha256, file.size) if file.sha256 and file.size is not None else None

    @property
    def metadata_url(self) -> str:
        """Return the URL of the core metadata at the upstream (PEP 658)."""
        address, mark, query = self.url.partition("?")
        return f"{address}{METADATA_SUFFIX}{mark}{query}"

    def of(self, project: Project) -> MirroredFile | None:
        """Return this file in another version of the document; None if it is not listed there any more."""
        if project.owner != self.upstream or project.mirror is None:
            return None
        return next((each for each in project.mirror.files if each.filename == self.file.filename), None)


def listed_file(project: Project, mirror: Mirror, file: MirroredFile) -> ListedFile:
    """Return a file with its URL."""
    query = f"?{file.query}" if file.query else ""
    url = f"{file.origin or mirror.file_origin}{file.path}{query}"
    return ListedFile(NormalizedName(project.name), project.owner, url, file)
