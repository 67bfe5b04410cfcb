"""The bytes of upstreams' files: which are kept, and which of them a document names.

Their keys are their digests, so many documents may share an object, and an object has no fence. A
document names a digest before a server stores its bytes: the page of the upstream lists it, or the
digest is pinned. So an object is garbage if no document names it, and if that is still true
immediately before it is deleted. If a document names it a moment later, its upstream lists it at
that moment, and the next client has it fetched again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from wheelyard_server.catalog.documents import Documents
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import Listed, Storage, layout


@dataclass(frozen=True, slots=True)
class KeptBytes:
    """The kept objects of a storage, listed once."""

    objects: dict[str, Listed]
    """By digest."""
    foreign: tuple[str, ...]
    """Keys that do not belong to Wheelyard."""


async def kept_bytes(storage: Storage) -> KeptBytes:
    """Return what is kept. Takes memory for each object, but not for each file of the documents."""
    objects, foreign = dict[str, Listed](), []
    async for listed in storage.list(layout.MIRRORED):
        digest = listed.key.rpartition("/")[2]
        if listed.key == layout.mirrored(digest) and len(digest) == 64:
            objects[digest] = listed
        elif listed.size or not listed.key.endswith("/"):
            foreign.append(listed.key)
    return KeptBytes(objects, tuple(foreign))


def digests(project: Project) -> Iterator[tuple[str, int | None]]:
    """Yield the digests of all objects that a mirror names, each with its size if the document has it.

    The mirror that the name was before counts, too: a claim can be undone, and the upstream may no
    longer have what was installed before it (U12).
    """
    mirrors = project.former if project.mirror is None else (project.mirror, *project.former)
    return chain.from_iterable(_digests_of(file) for mirror in mirrors for file in mirror.files)


def _digests_of(file: MirroredFile) -> Iterator[tuple[str, int | None]]:
    if file.sha256:
        yield file.sha256, file.size
    if file.core_metadata_sha256:
        yield file.core_metadata_sha256, None
    if file.provenance_sha256:
        yield file.provenance_sha256, None


@dataclass(slots=True)
class Names:
    """Finds out which digests are named, by reading each document again only if it has changed."""

    storage: Storage
    documents: Documents
    _seen: dict[str, str | None] = field(default_factory=dict)
    """Listing ETags of the documents that were read."""

    async def remove_named(self, objects: dict[str, Listed]) -> dict[str, int]:
        """Remove the objects that a changed document names; return the sizes that documents have of them.

        Raises `DamagedObjectError` if a document cannot be read: it may name any of them.
        """
        sizes: dict[str, int] = {}
        async for listed in self.storage.list(layout.DOCUMENTS):
            if listed.listing_etag and self._seen.get(listed.key) == listed.listing_etag:
                continue
            project = (await self.documents.read(NormalizedName(layout.project_of(listed.key)))).project
            named = {digest: size for digest, size in digests(project) if objects.pop(digest, None) is not None}
            sizes.update({digest: size for digest, size in named.items() if size is not None})
            self._seen[listed.key] = listed.listing_etag
        return sizes
