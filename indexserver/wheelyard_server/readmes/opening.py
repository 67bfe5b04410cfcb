"""Opens the READMEs of a server by its settings."""

import logging
from collections.abc import Callable
from importlib.util import find_spec

from wheelyard_server.readmes.child_process import COMMAND
from wheelyard_server.readmes.kept import DISK_BYTES, KeptReadmes
from wheelyard_server.readmes.readmes import Readmes
from wheelyard_server.settings import Settings

log = logging.getLogger(__name__)

FOLDER = "readmes"
"""Below the folder of the cache."""
MAX_SHARE_DIVISOR = 8
"""READMEs take no more than the bound of the cache divided by this, in addition to it."""
_NEEDED = ("readme_renderer", "comrak")


def open_readmes(settings: Settings, count: Callable[[str], None]) -> Readmes:
    """Return the READMEs of a server; without the extra `web`, all are plain text, which is logged."""
    missing = [each for each in _NEEDED if find_spec(each) is None]
    if missing and settings.web.enabled:
        log.warning("Pages show READMEs as plain text: rendering needs `pip install 'wheelyard[web]'`")
    return Readmes(_kept(settings), count, images=settings.web.images, command=None if missing else COMMAND)


def _kept(settings: Settings) -> KeptReadmes:
    if settings.cache is None:
        return KeptReadmes(None)
    max_bytes = min(DISK_BYTES, settings.cache.max_bytes // MAX_SHARE_DIVISOR)
    return KeptReadmes(settings.cache.folder / FOLDER, max_bytes)
