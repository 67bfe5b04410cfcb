"""The files of a page, as they are found, and the page that they become."""

from collections.abc import Iterable

from wheelyard_server.upstream import Page, PageFile
from wheelyard_server.upstream.pages import entries
from wheelyard_server.upstream.pages.bounds import MAX_FILES, MAX_VERSIONS, UnreadablePageError


class Files:
    """The files of the page at a URL, which relative ones refer to."""

    def __init__(self, url: str) -> None:
        self.base = url
        self._files: list[PageFile] = []
        self._total = 0

    def add(self, found: Iterable[entries.Entry | None]) -> None:
        """Add entries, None for one that is unusable; raise `UnreadablePageError` if there are too many."""
        read = [each and entries.page_file(self.base, each) for each in found]
        self._total += len(read)
        self._files.extend(each for each in read if each)
        if self._total > MAX_FILES:
            raise UnreadablePageError(f"lists more than {MAX_FILES:,} files on a page")

    def page(
        self,
        *,
        serial: int = 0,
        versions: tuple[str, ...] = (),
        status: object = None,
        status_reason: object = None,
    ) -> Page:
        """Return the page; raise `UnreadablePageError` if no entry can be used, although there are some."""
        if self._total and not self._files:
            raise UnreadablePageError(f"answered with a page of {self._total} files, none of which can be used")
        if len(versions) > MAX_VERSIONS:
            raise UnreadablePageError(f"lists more than {MAX_VERSIONS:,} versions on a page")
        return Page(
            files=tuple(self._files),
            serial=serial,
            versions=versions,
            status=entries.text(status) or "active",
            status_reason=entries.text(status_reason) or "",
            unusable=self._total - len(self._files),
        )


def refuse_other_major(version: object) -> None:
    """Raise `UnreadablePageError` if this is a version with another meaning (PEP 629)."""
    major = str(version).partition(".")[0]
    if major.isascii() and major.isdigit() and major not in ("0", "1"):
        raise UnreadablePageError(f"answers with version {major[:9]} of the simple API, and only 1 is known")
