"""The scratch space of a server, shared by uploads and by files on their way from upstreams."""

MAX_SHARE_DIVISOR = 2
"""Files of upstreams take this part of the space at most, so that they never keep out uploads."""


class ScratchBudget:
    """Reserved bytes of scratch space. It moves no bytes itself."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._uploads = 0
        self._fetched = 0

    def has_for_upload(self, size: int) -> bool:
        """Return whether there is space for an upload of this size."""
        return self._uploads + self._fetched + size <= self._max_bytes

    def reserve_for_upload(self, size: int) -> None:
        """Reserve space, even if there is none: a single upload may be larger than all space."""
        self._uploads += size

    def release_upload(self, size: int) -> None:
        """Give back space of an upload."""
        self._uploads -= size

    def reserve_for_fetched(self, size: int) -> bool:
        """Reserve space for a file of an upstream; return whether there was enough."""
        if self._fetched + size > self._max_bytes // MAX_SHARE_DIVISOR or not self.has_for_upload(size):
            return False
        self._fetched += size
        return True

    def release_fetched(self, size: int) -> None:
        """Give back space of a file of an upstream."""
        self._fetched -= size
