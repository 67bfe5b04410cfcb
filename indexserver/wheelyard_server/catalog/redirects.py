"""Which files clients fetch from the storage itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wheelyard_server.model import File

Presign = Callable[[str], Awaitable[str]]
"""Returns a URL by which whoever has it may read the object with this key for some minutes.

Raises `StorageUnavailableError` where there are no credentials to sign with.
"""


@dataclass(frozen=True, slots=True)
class Redirects:
    """From which size on, and for the clients of which listeners. None of them, unless it is said."""

    min_bytes: int = 0
    cluster: Presign | None = None
    external: Presign | None = None

    def of(self, file: File, *, is_outside: bool) -> Presign | None:
        """Return what makes the URL of a file for a client of this listener; None: it is sent by us."""
        return (self.external if is_outside else self.cluster) if file.size >= self.min_bytes else None
