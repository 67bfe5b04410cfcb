"""How many uploads are received at a time: each of them may take space on the local disk until it is stored."""

from collections.abc import Iterator
from contextlib import contextmanager

from wheelyard_server.errors import BusyError, FileTooLargeError
from wheelyard_server.settings import Limits

FORM_BYTES = 16 * 1024 * 1024
"""What a form may add to its file: its fields and the lines between them."""


class Admission:
    """Space is set aside before a byte of an upload is read, so the disk can never fill up half-way."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._largest = limits.file_bytes + FORM_BYTES
        self._uploads = 0
        self._reserved = 0

    @contextmanager
    def admit(self, content_length: int | None) -> Iterator[None]:
        """Set space aside for a request's body; one that does not say its length counts as the largest.

        Raises `FileTooLargeError` for what can never be taken, and `BusyError` for what can be taken later.
        """
        size = self._largest if content_length is None else content_length
        if size > self._largest:
            raise FileTooLargeError(f"A file may have {self._limits.file_bytes} bytes, this upload is larger")
        if self._uploads >= self._limits.uploads or (
            # One upload fits in any case, however small the space is.
            self._uploads and self._reserved + size > self._limits.scratch_bytes
        ):
            raise BusyError("Too many uploads at a time, try again")
        self._uploads += 1
        self._reserved += size
        try:
            yield
        finally:
            self._uploads -= 1
            self._reserved -= size
