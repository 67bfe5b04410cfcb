"""The answers that the fast lane can send: rendered pages, and files on this machine or redirected."""

from functools import lru_cache
from http import HTTPStatus

from wheelyard_server.access.readable import ReadableCatalog, ReadableProject
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.model import File
from wheelyard_server.settings import Listener
from wheelyard_server.web.front.fast_requests import RequestHeaders
from wheelyard_server.web.handlers.files import FILE_TYPE, METADATA_SUFFIX, file_headers, redirect_headers
from wheelyard_server.web.http.headers import head, is_among
from wheelyard_server.web.http.targets import Target
from wheelyard_server.web.pages.representation import ReadyAnswer
from wheelyard_server.web.pages.simple_pages import ProjectPages


class ReadyAnswers:
    """Finds the answer of aiohttp's way, if it needs no reading and no rendering."""

    def __init__(self, catalog: ReadableCatalog, pages: ProjectPages) -> None:
        self.catalog = catalog
        self._pages = pages

    def find(
        self, project: ReadableProject, target: Target, headers: RequestHeaders, listener: Listener
    ) -> ReadyAnswer | None:
        """Return the answer; None if it is not ready, or the sender may not read the project."""
        view = project.view_for(headers.reader, listener)
        if view is None:
            return None
        if target.filename:
            return self._file(view, target, headers, listener)
        page = self._pages.cached_page(view, headers.media_type, headers.encoding)
        if page is None:
            return None
        etags = headers.if_none_match
        unchanged = etags != "" and is_among(page.etag(headers.encoding), etags)
        return page.ready_answer(headers.encoding, unchanged=unchanged)

    def _file(
        self, view: ProjectView, target: Target, headers: RequestHeaders, listener: Listener
    ) -> ReadyAnswer | None:
        filename, is_metadata = target.filename, target.filename.endswith(METADATA_SUFFIX)
        found = view.project.file(filename.removesuffix(METADATA_SUFFIX) if is_metadata else filename)
        if found is None or found.sha256 != target.sha256 or not view.project.status.offers_files:
            return None
        if is_metadata:
            return _file_answer(
                self.catalog.cached_core_metadata(found), found.core_metadata_sha256, found, headers
            )
        content = self.catalog.cached_content(target.project, found, listener)
        if isinstance(content, str) and target.method == "HEAD":
            content = found  # A URL that was signed for GET is refused for HEAD.
        return _file_answer(content, found.sha256, found, headers)


def _file_answer(
    content: bytes | File | str | None, digest: str, file: File, headers: RequestHeaders
) -> ReadyAnswer | None:
    """Return the answer for what a client gets of a file; see `ReadableCatalog.cached_content`."""
    if content is None:
        return None
    has_login = headers.reader.has_credentials
    if headers.if_none_match and is_among(f'"{digest}"', headers.if_none_match):
        return ReadyAnswer(HTTPStatus.NOT_MODIFIED, _file_head(digest, None, has_login), b"")
    if isinstance(content, bytes):
        return ReadyAnswer(HTTPStatus.OK, _file_head(digest, len(content), has_login), content)
    if isinstance(content, str):
        return ReadyAnswer(HTTPStatus.FOUND, _redirect_head(content), b"")
    return ReadyAnswer(HTTPStatus.OK, _file_head(digest, file.size, has_login), file)


@lru_cache(4096)
def _file_head(sha256: str, length: int | None, has_login: bool) -> bytes:  # noqa: FBT001 - lru_cache is faster without keywords
    """Return the head of an answer; without a length, that of a 304."""
    headers = file_headers(sha256, has_login=has_login)
    if length is None:
        return head(HTTPStatus.NOT_MODIFIED, headers)
    return head(HTTPStatus.OK, {**headers, "Content-Type": FILE_TYPE, "Content-Length": str(length)})


@lru_cache(256)  # The heads are large and few, and each is useless after a minute.
def _redirect_head(location: str) -> bytes:
    return head(HTTPStatus.FOUND, {**redirect_headers(location), "Content-Length": "0"})
