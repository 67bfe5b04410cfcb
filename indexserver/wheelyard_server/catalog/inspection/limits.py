"""How large an archive may be, and how much larger what is in it."""

from dataclasses import dataclass

from wheelyard_server.errors import InvalidUploadError

MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The defaults let through what real projects build; memory stays below 150 MiB at all of them."""

    metadata_bytes: int = 2 * MIB
    """For METADATA, PKG-INFO and WHEEL, each."""
    record_bytes: int = 32 * MIB
    members: int = 100_000
    names_bytes: int = 32 * MIB
    """For the names of all members and of the folders that they lie in; a zip's central directory, too."""
    uncompressed_bytes: int = 32 * GIB
    ratio: int = 50
    """An archive that grows to more than this many times its size is a bomb, ..."""
    ratio_from_bytes: int = 64 * MIB
    """... unless it stays below this."""

    def check_members(self, count: int) -> None:
        """Raise `InvalidUploadError` if these are too many members."""
        if count > self.members:
            raise InvalidUploadError(f"The archive has more than {self.members} members")

    def check_expansion(self, compressed: int, uncompressed: int) -> None:
        """Raise `InvalidUploadError` if so many bytes must not come out of so few."""
        if uncompressed > self.uncompressed_bytes:
            raise InvalidUploadError(f"The archive unpacks to more than {self.uncompressed_bytes // MIB} MiB")
        if uncompressed > max(self.ratio_from_bytes, self.ratio * compressed):
            raise InvalidUploadError(f"The archive unpacks to more than {self.ratio} times its size")
