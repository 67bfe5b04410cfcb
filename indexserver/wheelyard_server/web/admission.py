"""How many uploads are received at a time, by the disk space that they may take."""

from collections.abc import Iterator
from contextlib import contextmanager

from wheelyard_server.catalog.scratch_budget import ScratchBudget
from wheelyard_server.errors import BusyError, FileTooLargeError
from wheelyard_server.settings import Limits

FORM_BYTES = 16 * 1024 * 1024
"""The most that a form may add to its file: its fields and the lines between them."""


class Admission:
    """Reserves space before a byte of an upload is read, so the disk never fills up halfway."""

    def __init__(self, limits: Limits, space: ScratchBudget | None = None) -> None:
        """`space` is the scratch space, if files of upstreams share it."""
        self._limits = limits
        self._space = space or ScratchBudget(limits.scratch_bytes)
        self._max_body_bytes = limits.file_bytes + FORM_BYTES
        self._uploads = 0

    @contextmanager
    def admit(self, content_length: int | None) -> Iterator[None]:
        """Reserve space for a request's body for as long as the block runs.

        A body without a length counts as the largest. Raises `FileTooLargeError` if it can never be
        accepted, and `BusyError` if it can be accepted later.
        """
        size = self._max_body_bytes if content_length is None else content_length
        if size > self._max_body_bytes:
            raise FileTooLargeError(
                f"A file may have at most {self._limits.file_bytes} bytes, and this upload is larger"
            )
        if self._uploads >= self._limits.uploads or (
            # The only upload always fits, however small the space is.
            self._uploads and not self._space.has_for_upload(size)
        ):
            raise BusyError("Too many uploads at a time: try again")
        self._uploads += 1
        self._space.reserve_for_upload(size)
        try:
            yield
        finally:
            self._uploads -= 1
            self._space.release_upload(size)
