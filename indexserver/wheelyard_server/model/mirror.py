"""What an index knows of a project of an upstream: the mirrored form of a project's document."""

from datetime import datetime

from wheelyard_server.model.part import Part
from wheelyard_server.model.status import Status

NO_LICENSE = "-"
"""The license of a file whose core metadata was read and has no license expression."""
NO_PUBLISHER = "-"
"""The publisher of a file whose provenance object was read and names none."""


class MirroredFile(Part, frozen=True, gc=False):
    """One distribution file of an upstream. Digests are in lower-case hex; "" and None mean unknown."""

    filename: str
    version: str
    """Canonical version (PEP 440); "" if the filename has none, such as a file of an unknown type."""
    path: str
    """Path of its URL at the upstream, byte for byte, with its percent encoding and without a query."""
    origin: str = ""
    """Scheme, host and port of its URL; "" means `Mirror.file_origin`."""
    query: str = ""
    """Query of its URL, without the question mark. No client sees it."""
    sha256: str = ""
    """Digest of the whole file: as the upstream lists it, or else of the bytes that were fetched first."""
    pinned: bool = False
    """Whether `sha256` is that of the bytes that were fetched first."""
    other_hash: str = ""
    """Another digest that the upstream lists, as `<algorithm>=<hex>`, if it lists no SHA-256."""
    size: int | None = None
    """In bytes."""
    upload_time: datetime | None = None
    """In UTC."""
    first_seen: datetime | None = None
    """When this index first saw the file, in UTC, if the upstream has no upload time."""
    requires_python: str | None = None
    yanked: str | None = None
    """Reason why it is yanked, possibly empty (PEP 592); None if it is not yanked."""
    core_metadata_sha256: str | None = None
    """Digest of its core metadata; "" if the upstream has it and lists no digest; None if there is none."""
    extracted: bool = False
    """Whether the core metadata was read from the file by this index."""
    provenance_url: str = ""
    """URL of its provenance object at the upstream (PEP 740)."""
    provenance_sha256: str | None = None
    """Digest of its provenance object; None until it was fetched first."""
    publisher: str = ""
    """Its attested publisher, see `catalog/provenance/publishers.py`; `NO_PUBLISHER` if its provenance object
    names none."""
    license: str = ""
    """License expression of its core metadata (PEP 639); `NO_LICENSE` if it has none."""
    gone: datetime | None = None
    """When a page of the upstream first lacked it, in UTC."""
    conflict: str = ""
    """Another digest that the upstream lists by now for this filename, which is refused: a SHA-256, or as
    in `other_hash`."""

    @property
    def is_wheel(self) -> bool:
        """Return whether this is a wheel."""
        return self.filename.endswith(".whl")

    @property
    def has_provenance(self) -> bool:
        """Return whether the upstream has a provenance object (PEP 740)."""
        return bool(self.provenance_url)

    @property
    def published(self) -> datetime | None:
        """Return when the upstream published the file, or else when this index first saw it, in UTC."""
        return self.upload_time or self.first_seen


class Mirror(Part, frozen=True):
    """What an upstream has of a project, as of its last page that differed."""

    url: str
    """URL of the upstream's simple API. Another URL is another mirror."""
    made: datetime
    """When this index first saw the project, in UTC."""
    fetched: datetime
    """When the page that this was last changed for was fetched, in UTC."""
    etag: str = ""
    """ETag of the page at the upstream."""
    serial: int = 0
    """`_last-serial` of the page; 0 if it has none. An older page never replaces a newer one."""
    file_origin: str = ""
    """Scheme, host and port of most of the files."""
    files: tuple[MirroredFile, ...] = ()
    """In the order of the page. In memory it may be a `PackedFiles`, which equals such a tuple."""
    versions: tuple[str, ...] = ()
    """As the page lists them; empty if it lists none."""
    status: str = Status.ACTIVE
    """The upstream's status marker (PEP 792), possibly one that is not known here."""
    status_reason: str = ""
    missing: datetime | None = None
    """When the upstream first said that the project does not exist or has no files, in UTC, until it
    lists files again."""
    outdated: datetime | None = None
    """When the upstream first sent a page with a lower serial, in UTC, until it sends a newer one."""
