"""Opens the READMEs of a server by its settings."""

import logging
from collections.abc import Callable
from importlib.util import find_spec

from wheelyard_server.readmes.child_process import COMMAND
from wheelyard_server.readmes.readmes import Readmes
from wheelyard_server.settings import Settings

log = logging.getLogger(__name__)

FOLDER = "readmes"
"""Below the folder of the cache."""
_NEEDED = ("readme_renderer", "comrak")


def open_readmes(settings: Settings, count: Callable[[str], None]) -> Readmes:
    """Return the READMEs of a server; without the extra `web`, all are plain text, which is logged."""
    folder = settings.cache.folder / FOLDER if settings.cache else None
    missing = [each for each in _NEEDED if find_spec(each) is None]
    if missing and settings.web.enabled:
        log.warning("Pages show READMEs as plain text: rendering needs `pip install 'wheelyard[web]'`")
    return Readmes(folder, count, images=settings.web.images, command=None if missing else COMMAND)
