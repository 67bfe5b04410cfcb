"""A check of what a server lists against what was requested.

Some servers that speak S3 ignore `start-after` and start over, list an object twice, or list
folders of their own. Callers that rely on the order never see any of that.
"""

from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.storage import KEYS_PER_LIST


class Ordered:
    """Admits each requested key of one listing once, in ascending order."""

    def __init__(self, folder: str, after: str | None = None) -> None:
        """Admit the keys that start with `folder` and come after the key `after`."""
        self._folder = folder
        self._after = after
        self._last = ""
        self._repeated = 0
        self.starts_over = False
        """Whether the server ignores where the listing should start."""

    def admits(self, key: str, size: int) -> bool:
        """Return whether an object belongs in the listing at this point.

        Raises `StorageUnavailableError` if the server does not list keys in order: then no client
        can know when the list is complete.
        """
        if key <= self._last:
            self._check_repeated(key, size)
            return False
        self._last, self._repeated = key, 0
        if self._after is not None and key <= self._after:
            self.starts_over = True
            return False
        return key.startswith(self._folder)

    def _check_repeated(self, key: str, size: int) -> None:
        # A listed folder comes without its slash, although it was sorted with it.
        is_folder = size == 0 and self._last != key
        self._repeated += 1
        if (key < self._last and not is_folder) or self._repeated > KEYS_PER_LIST:
            raise StorageUnavailableError(
                self._folder, f"the server lists {key} after {self._last}: it does not list keys in order"
            )
