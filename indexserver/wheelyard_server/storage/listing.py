"""What a server lists, held against what it was asked for.

Some servers that speak S3 begin anew where they are asked to go on (`start-after`), tell an object twice, or list
folders of their own. None of that may reach whoever counts on the order.
"""

from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.storage import KEYS_OF_A_LIST


class Ordered:
    """Lets each key of one listing through once, in ascending order, and none that was not asked for."""

    def __init__(self, folder: str, after: str | None = None) -> None:
        """Admit what begins with `folder` and comes after the key `after`."""
        self._folder = folder
        self._after = after
        self._last = ""
        self._repeated = 0
        self.begins_anew = False
        """The server does not know from where to go on."""

    def admits(self, key: str, size: int) -> bool:
        """Return whether an object belongs into the listing here.

        Raises `StorageUnavailableError` if the server keeps to no order: then nobody knows when the list is whole.
        """
        if key <= self._last:
            self._check_repeated(key, size)
            return False
        self._last, self._repeated = key, 0
        if self._after is not None and key <= self._after:
            self.begins_anew = True
            return False
        return key.startswith(self._folder)

    def _check_repeated(self, key: str, size: int) -> None:
        # The name of a listed folder comes without its slash, by which it was sorted.
        is_folder = size == 0 and self._last != key
        self._repeated += 1
        if (key < self._last and not is_folder) or self._repeated > KEYS_OF_A_LIST:
            raise StorageUnavailableError(
                self._folder, f"the server lists {key} after {self._last}: it does not list keys in order"
            )
