"""The catalog as the fast lane may read it: what is cached, and only for readers with the right."""

from collections.abc import Mapping

from wheelyard_server.access.known_readers import KnownReader
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.contents.content import Content
from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.stored_project import CachedDocument, Forwarded, ProjectView, Staleness
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Listener


class ReadableCatalog:
    """Projects by name, and the bytes of the files in their views; see `ReadableProject`."""

    def __init__(self, catalog: Catalog, access: CurrentAccess) -> None:
        self._catalog = catalog
        self._access = access
        self.counts: Counts = catalog.counts
        """Counters of reads, for the metrics."""
        self._count_fetches = catalog.fetches.counter.count_whole

    def cached_project(self, name: NormalizedName) -> "ReadableProject | None":
        """Return a project as it was last read, without asking the storage; None if it is not cached."""
        document = self._catalog.cached_project(name)
        if document is None or document.view is None:
            return None
        return ReadableProject(self._access, name, document.view, document)

    def is_fresh(self, project: "ReadableProject") -> bool:
        """Return whether a cached project is as fresh as it has to be at this moment."""
        return project.document is not None and self._catalog.is_fresh(project.document)

    def is_decided(self, project: "ReadableProject") -> bool:
        """Return whether no upstream needs to be asked about a cached project."""
        return project.document is not None and self._catalog.is_decided(project.document)

    async def revalidated_project(self, name: NormalizedName) -> "ReadableProject":
        """Return a project as it is now; see `Catalog.revalidated_project`, also for the errors."""
        return ReadableProject(self._access, name, await self._catalog.revalidated_project(name))

    def cached_core_metadata(self, file: File) -> bytes | None:
        """Return a file's core metadata if it is in memory."""
        return self._catalog.cached_object(file.core_metadata_sha256)

    def cached_content(self, name: NormalizedName, file: File, listener: Listener) -> bytes | File | str | None:
        """Return what a client of this listener gets of a file; see `Catalog.cached_answer`."""
        return self._catalog.cached_answer(name, file, listener)

    def cached_object(self, sha256: str) -> bytes | None:
        """Return a small object of an upstream's file if it is in memory."""
        return self._catalog.cached_object(sha256)

    def cached_mirrored(self, file: MirroredFile, listener: Listener) -> bytes | MirroredFile | None:
        """Return what a client of this listener gets of an upstream's file; see `MirroredCatalog.cached`."""
        return self._catalog.mirrored.cached(file, listener)

    def record_fetches(
        self,
        name: NormalizedName,
        file: File | MirroredFile,
        reader: KnownReader,
        addresses: Mapping[str, int],
        client: str,
    ) -> None:
        """Record that a reader with this kind of client gets a file: how often, by address."""
        which = (name, file.filename, file.sha256, file.version)
        for address, number in addresses.items():
            self._count_fetches(which, reader.login, address, client, number)

    async def open(self, name: NormalizedName, file: File | MirroredFile) -> Content:
        """Open all bytes of a file; see `Catalog.open` and `MirroredCatalog.open_kept`, also for the errors."""
        if isinstance(file, MirroredFile):
            return await self._catalog.mirrored.open_kept(file)
        return await self._catalog.open(name, file, 0, file.size)


class ReadableProject:
    """A project at one moment, whose view only readers with the right to it get."""

    __slots__ = ("_access", "_name", "_view", "document")

    def __init__(
        self, access: CurrentAccess, name: NormalizedName, view: ProjectView, document: CachedDocument | None = None
    ) -> None:
        self._access = access
        self._name = name
        self._view = view
        self.document = document
        """The cached document that it comes from."""

    @property
    def caveat(self) -> Staleness | Forwarded | None:
        """How old this is, or that an upstream was asked for it; None if it was here and current."""
        return self._view.caveat

    def view_for(self, reader: KnownReader, listener: Listener) -> ProjectView | None:
        """Return the view if the reader may read the project by the access file that is in force now."""
        may_read = reader.may_read(self._access.access, self._name, listener)
        return self._view if may_read else None
