"""Bounds of a page, and the error of a page that cannot be read."""

MAX_PAGE_BYTES = 64 * 1024**2
"""Maximum size of a page, without its content coding."""
MAX_FILES = 50_000
"""Maximum number of entries of a page."""
MAX_VERSIONS = 50_000
MAX_FILENAME_LENGTH = 240
MAX_URL_LENGTH = 4096
MAX_TEXT_LENGTH = 1000
"""Maximum length of a specifier of Pythons, and of a reason, which is cut."""
MAX_HASHES = 16
MAX_HASH_LENGTH = 200
MAX_VERSION_LENGTH = 200


class UnreadablePageError(Exception):
    """A page cannot be read; the text continues "The upstream NAME ...". It becomes an `UpstreamError`."""
