"""Limits on the size of an archive and of its unpacked contents."""

from dataclasses import dataclass

from wheelyard_server.errors import InvalidUploadError

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The defaults accept what real projects build, and keep memory below 150 MiB."""

    metadata_bytes: int = 2 * MIB
    """Size of each of METADATA, PKG-INFO and WHEEL."""
    record_bytes: int = 32 * MIB
    members: int = 100_000
    names_bytes: int = 32 * MIB
    """Size of the names of all members and their folders; also of a zip's central directory."""
    uncompressed_bytes: int = 32 * GIB
    ratio: int = 50
    """An archive that grows to more than this many times its size is a bomb, ..."""
    ratio_from_bytes: int = 64 * MIB
    """... unless it stays below this."""

    def check_members(self, count: int) -> None:
        """Raise `InvalidUploadError` for too many members."""
        if count > self.members:
            raise InvalidUploadError(f"The archive has more than {self.members} members")

    def check_expansion(self, compressed: int, uncompressed: int) -> None:
        """Raise `InvalidUploadError` if the archive expands too much, in total or relative to its size."""
        if uncompressed > self.uncompressed_bytes:
            raise InvalidUploadError(f"The archive unpacks to more than {self.uncompressed_bytes // MIB} MiB")
        if uncompressed > max(self.ratio_from_bytes, self.ratio * compressed):
            raise InvalidUploadError(f"The archive unpacks to more than {self.ratio} times its size")
